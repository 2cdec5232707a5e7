package dia.keras.classifier

import java.nio.ByteBuffer

private val RULE = Regex(""""resize"\s*:\s*"(\w*)"""")
private val OTHER_VALUES = Regex(""""values"\s*:\s*null""")

/**
 * How a TFLite file wants images resized, from the `metadata.json` that is packed into it; without it, [Resizing.CROP].
 *
 * @throws IllegalArgumentException where it takes images of other values than pixels, or wants another rule.
 */
fun readResizing(model: ByteBuffer): Resizing {
    val text = readZipEntry(model, "metadata.json")?.decodeToString() ?: return Resizing.CROP
    require(!OTHER_VALUES.containsMatchIn(text)) {
        "The model must take pixel values, 0 to 255. Received: a model that takes others"
    }
    val name = RULE.find(text)?.groupValues?.get(1) ?: return Resizing.CROP
    return requireNotNull(Resizing.entries.find { it.name.lowercase() == name }) {
        "The model must take images resized by crop, center, stretch or pad. Received: $name"
    }
}
