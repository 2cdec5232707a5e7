package dia.keras.classifier

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test
import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.util.zip.CRC32
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream

class LabelsTest {
    private val model = ByteArray(1000) { it.toByte() }

    private fun archive(
        vararg entries: Pair<String, String>,
        comment: String? = null,
        stored: Boolean = false,
    ): ByteArray {
        val bytes = ByteArrayOutputStream()
        ZipOutputStream(bytes).use { zip ->
            zip.setComment(comment)
            for ((name, text) in entries) {
                val content = text.toByteArray()
                val entry = ZipEntry(name)
                if (stored) {
                    entry.method = ZipEntry.STORED
                    entry.size = content.size.toLong()
                    entry.crc = CRC32().apply { update(content) }.value
                }
                zip.putNextEntry(entry)
                zip.write(content)
            }
        }
        return bytes.toByteArray()
    }

    private fun labels(file: ByteArray, classes: Int) = readLabels(ByteBuffer.wrap(file), classes)

    @Test
    fun `labels are read from the archive behind the model`() {
        for (stored in listOf(true, false)) {
            val file = model + archive("labels.txt" to "Apfel\nBär\nChamäleon\n", stored = stored)
            assertEquals(listOf("Apfel", "Bär", "Chamäleon"), labels(file, 3))
        }
    }

    @Test
    fun `other files in the archive and a comment are passed over`() {
        val file = model + archive("info.txt" to "labels.txt", "labels.txt" to "a\nb", "z" to "", comment = "a comment")
        assertEquals(listOf("a", "b"), labels(file, 2))
    }

    @Test
    fun `a model without labels has numbers`() {
        assertEquals(listOf("0", "1", "2"), labels(model, 3))
        assertEquals(listOf("0", "1"), labels(model + archive("other.txt" to "a"), 2))
        assertEquals(listOf("0"), labels(ByteArray(3), 1))
    }

    @Test
    fun `the rule of resizing is read from the archive behind the model`() {
        fun rule(vararg entries: Pair<String, String>) = readResizing(ByteBuffer.wrap(model + archive(*entries)))
        assertEquals(Resizing.PAD, rule("metadata.json" to "{\"input\": {\n \"resize\": \"pad\"}}", "labels.txt" to "a"))
        assertEquals(Resizing.CROP, rule("metadata.json" to "{\"labels\": [\"\\\"resize\\\": \\\"pad\\\"\"]}"))
        assertEquals(Resizing.CROP, rule("labels.txt" to "a"))
        assertEquals(Resizing.CROP, readResizing(ByteBuffer.wrap(model)))
        val error = assertThrows(IllegalArgumentException::class.java) { rule("metadata.json" to "\"resize\": \"warp\"") }
        assertEquals("The model must take images resized by crop, center, stretch or pad. Received: warp", error.message)
    }

    @Test
    fun `a model of other values than pixels is refused`() {
        fun read(values: String) =
            readResizing(ByteBuffer.wrap(model + archive("metadata.json" to "{\"input\": {\"values\": $values}}")))
        assertEquals(Resizing.CROP, read("[\n0, 255]"))
        val error = assertThrows(IllegalArgumentException::class.java) { read("null") }
        assertEquals("The model must take pixel values, 0 to 255. Received: a model that takes others", error.message)
    }

    @Test
    fun `a wrong number of labels is refused`() {
        val file = model + archive("labels.txt" to "a\nb\n")
        val error = assertThrows(IllegalArgumentException::class.java) { labels(file, 3) }
        assertEquals("The model must have a label for each of its 3 classes. Received: 2 labels", error.message)
    }
}
