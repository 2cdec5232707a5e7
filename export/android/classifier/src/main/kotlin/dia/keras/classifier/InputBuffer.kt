package dia.keras.classifier

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** RGB bytes as a model takes them: as they are, or each as a float of 0 to 255. */
fun inputBuffer(rgb: ByteArray, asFloats: Boolean): ByteBuffer {
    val size = if (asFloats) Float.SIZE_BYTES else Byte.SIZE_BYTES
    val buffer = ByteBuffer.allocateDirect(rgb.size * size).order(ByteOrder.nativeOrder())
    for (value in rgb) if (asFloats) buffer.putFloat(value.toUByte().toFloat()) else buffer.put(value)
    buffer.rewind()
    return buffer
}
