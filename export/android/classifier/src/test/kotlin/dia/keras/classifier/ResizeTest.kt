package dia.keras.classifier

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import kotlin.random.Random

class ResizeTest {
    private fun noise(width: Int, height: Int): Image {
        val random = Random(0)
        return Image(IntArray(width * height) { random.nextInt() }, width, height)
    }

    private fun gray(vararg values: Int, width: Int) =
        Image(IntArray(values.size) { 0xFF shl 24 or values[it] * 0x010101 }, width, values.size / width)

    private fun Image.grays(width: Int, height: Int) =
        toRgb(width, height).filterIndexed { i, _ -> i % 3 == 0 }.map { it.toInt() and 0xFF }

    @Test
    fun `an image of the size asked for stays exactly as it is`() {
        for ((width, height) in listOf(32 to 32, 100 to 30, 7 to 300)) {
            val image = noise(width, height)
            val expected = image.pixels.flatMap { listOf(it shr 16, it shr 8, it).map(Int::toByte) }.toByteArray()
            assertArrayEquals(expected, image.toRgb(width, height))
        }
    }

    @Test
    fun `the center is kept, and the sides of a wide image are cut off`() {
        val row = intArrayOf(9, 9, 1, 2, 9, 9)
        assertEquals(listOf(1, 2, 1, 2), gray(*row, *row, width = 6).grays(2, 2))
    }

    @Test
    fun `top and bottom of a high image are cut off`() {
        assertEquals(listOf(1, 2, 3, 4), gray(9, 9, 1, 2, 3, 4, 9, 9, width = 2).grays(2, 2))
    }

    @Test
    fun `an image of one color keeps it at every size`() {
        val image = Image(IntArray(37 * 53) { 0x123456 }, 37, 53)
        for ((width, height) in listOf(1 to 1, 5 to 9, 64 to 48, 300 to 7)) {
            val expected = ByteArray(width * height * 3) { byteArrayOf(0x12, 0x34, 0x56)[it % 3] }
            assertArrayEquals(expected, image.toRgb(width, height))
        }
    }

    @Test
    fun `fine stripes become gray, where picking pixels would leave stripes`() {
        val stripes = Image(IntArray(256 * 256) { if (it % 2 == 0) 0 else 0xFFFFFF }, 256, 256)
        val grays = stripes.grays(8, 8)
        assertTrue("$grays", grays.all { it in 120..135 })
    }

    @Test
    fun `growing is bilinear`() {
        assertEquals(listOf(0, 25, 75, 100), gray(0, 100, 0, 100, width = 2).grays(4, 4).take(4))
    }

    @Test
    fun `other rules than the center show what they say`() {
        fun grays(image: Image, rule: Resizing) =
            image.toRgb(2, 2, rule).filterIndexed { i, _ -> i % 3 == 0 }.map { it.toInt() and 0xFF }
        assertEquals(listOf(1, 3, 1, 3), grays(gray(1, 3, width = 2), Resizing.STRETCH))
        assertEquals(listOf(1, 3, 0, 0), grays(gray(1, 1, 3, 3, width = 4), Resizing.PAD))
        val border = Image(IntArray(256) { if (it % 16 in 2..13 && it / 16 in 2..13) 0x050505 else 0x090909 }, 16, 16)
        assertTrue(grays(border, Resizing.CENTER).sum() < grays(border, Resizing.CROP).sum())
        assertEquals(listOf(1, 2, 3, 4), grays(gray(1, 2, 3, 4, width = 2), Resizing.CENTER))
    }

    @Test
    fun `pixels that do not fill the image are refused`() {
        val error = assertThrows(IllegalArgumentException::class.java) { Image(IntArray(5), 2, 3) }
        assertEquals("`pixels` must be width * height. Received: 5 pixels for 2 * 3", error.message)
    }
}
