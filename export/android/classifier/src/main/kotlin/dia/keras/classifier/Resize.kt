package dia.keras.classifier

import kotlin.math.abs

/**
 * The image's center in the shape of [width] and [height], scaled to them: uint8 red, green and blue of each pixel, row
 * by row.
 *
 * Every new pixel is a mean of old ones, weighted by a triangle whose reach is the distance of the new pixels: bilinear
 * where the image grows, without aliasing where it shrinks. Pillow's `ImageOps.fit` with `BILINEAR` does the same, but
 * for roundings, so that a photo reaches a model as it does in Python. An image of the size asked for stays as it is.
 */
fun Image.toRgb(width: Int, height: Int): ByteArray {
    val ratio = width.toDouble() / height
    val columns = shares(this.width, minOf(this.width.toDouble(), this.height * ratio), width)
    val rows = shares(this.height, minOf(this.height.toDouble(), this.width / ratio), height)
    val top = rows.first().first
    // First the columns, rounded to whole numbers, then the rows.
    val narrow = Array(rows.last().end - top) { y ->
        val start = (top + y) * this.width
        IntArray(3 * width) { i ->
            val shift = 16 - 8 * (i % 3)
            columns[i / 3].mean { x -> pixels[start + x] shr shift and 0xFF }
        }
    }
    return ByteArray(height * 3 * width) { i ->
        val x = i % (3 * width)
        rows[i / (3 * width)].mean { y -> narrow[y - top][x] }.toByte()
    }
}

/** What the old pixels from [first] on contribute to a new one. */
private class Share(val first: Int, val weights: DoubleArray) {
    val end get() = first + weights.size

    inline fun mean(value: (Int) -> Int): Int {
        var sum = 0.5 // so that cutting off the fraction rounds
        for (i in weights.indices) sum += weights[i] * value(first + i)
        return sum.toInt()
    }
}

/** The shares of [count] new pixels, which cover the [span] old ones in the middle of an axis of [size] pixels. */
private fun shares(size: Int, span: Double, count: Int): List<Share> {
    val step = span / count
    val reach = maxOf(step, 1.0)
    return List(count) { i ->
        val center = (size - span) / 2 + (i + 0.5) * step
        val first = maxOf(0, (center - reach + 0.5).toInt())
        val end = minOf(size, (center + reach + 0.5).toInt())
        val weights = DoubleArray(end - first) { maxOf(0.0, 1 - abs(first + it + 0.5 - center) / reach) }
        val total = weights.sum()
        Share(first, DoubleArray(weights.size) { weights[it] / total })
    }
}
