package dia.keras.classifier

import org.junit.Assert.assertEquals
import org.junit.Test

class InputTest {
    private val rgb = byteArrayOf(0, 127, -1)

    @Test
    fun `bytes stay bytes`() {
        val buffer = inputBuffer(rgb, asFloats = false)
        assertEquals(listOf<Byte>(0, 127, -1), List(buffer.remaining()) { buffer.get() })
    }

    @Test
    fun `floats are 0 to 255`() {
        val floats = inputBuffer(rgb, asFloats = true).asFloatBuffer()
        assertEquals(listOf(0f, 127f, 255f), List(floats.remaining()) { floats.get() })
    }

    @Test
    fun `a large photo is decoded smaller, a small one as it is`() {
        assertEquals(listOf(1, 1, 2, 2, 8), listOf(100, 1999, 2000, 3999, 12240).map { sampleSize(2 * it, it, 1000) })
    }
}
