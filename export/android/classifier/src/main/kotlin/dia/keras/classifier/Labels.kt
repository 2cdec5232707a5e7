package dia.keras.classifier

import java.nio.ByteBuffer

/** The names of a TFLite file's classes, from the `labels.txt` that is packed into it; without one, their numbers. */
fun readLabels(model: ByteBuffer, classes: Int): List<String> {
    val text = readZipEntry(model, "labels.txt")?.decodeToString() ?: return List(classes) { it.toString() }
    val labels = text.removeSuffix("\n").lines()
    require(labels.size == classes) {
        "The model must have a label for each of its $classes classes. Received: ${labels.size} labels"
    }
    return labels
}
