package dia.keras.classifier

import java.nio.ByteBuffer

private val RULE = Regex(""""resize"\s*:\s*"(\w*)"""")

/** How a TFLite file wants images resized, from the `metadata.json` that is packed into it; without it, [Resizing.CROP]. */
fun readResizing(model: ByteBuffer): Resizing {
    val text = readZipEntry(model, "metadata.json")?.decodeToString() ?: return Resizing.CROP
    val name = RULE.find(text)?.groupValues?.get(1) ?: return Resizing.CROP
    return requireNotNull(Resizing.entries.find { it.name.lowercase() == name }) {
        "The model must take images resized by crop, center, stretch or pad. Received: $name"
    }
}
