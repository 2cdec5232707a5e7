package dia.keras.classifier

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.ZipInputStream

private const val END_OF_ARCHIVE = 0x06054b50
private const val END_SIZE = 22
private const val HEADER_SIZE = 46

/**
 * The content of the entry [name] of the zip archive that ends a file, or `null` where there is none.
 *
 * `java.util.zip` wants a file of its own, or an archive from its beginning on; a TFLite file begins with the model,
 * and in an app it is a part of the APK. So the table of contents, at the end, is read here: PKWARE's APPNOTE.TXT, 4.3.
 */
fun readZipEntry(file: ByteBuffer, name: String): ByteArray? {
    val bytes = file.duplicate().order(ByteOrder.LITTLE_ENDIAN)
    val end = endOfArchive(bytes) ?: return null
    val table = end - bytes.getInt(end + 12)
    // Offsets count from the archive's beginning, or from the file's: this is the difference.
    val shift = table - bytes.getInt(end + 16)
    var header = table
    while (header < end) {
        val nameSize = bytes.short(header + 28)
        if (bytes.part(header + HEADER_SIZE, nameSize).decodeToString() == name) {
            val start = shift + bytes.getInt(header + 42)
            val zip = ZipInputStream(bytes.part(start, table - start).inputStream())
            zip.nextEntry
            return zip.readBytes()
        }
        header += HEADER_SIZE + nameSize + bytes.short(header + 30) + bytes.short(header + 32)
    }
    return null
}

/** Where the record begins that ends an archive. A comment may follow; the record's last number is its size. */
private fun endOfArchive(bytes: ByteBuffer): Int? {
    val last = bytes.limit() - END_SIZE
    return (last downTo maxOf(0, last - 0xFFFF)).firstOrNull {
        bytes.getInt(it) == END_OF_ARCHIVE && bytes.short(it + END_SIZE - 2) == last - it
    }
}

private fun ByteBuffer.short(position: Int) = getShort(position).toInt() and 0xFFFF

private fun ByteBuffer.part(position: Int, size: Int) = ByteArray(size) { get(position + it) }
