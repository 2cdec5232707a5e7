package dia.keras.classifier

import kotlin.math.abs
import kotlin.math.round

/**
 * How an image gets a model's size, as `resize` of `dia_keras.data.load`: its center in the model's shape; seven eighths
 * of that, as is usual for ImageNet; all of it, out of shape; or all of it in its own shape, in the center of black.
 */
enum class Resizing { CROP, CENTER, STRETCH, PAD }

/**
 * The image in the size of [width] and [height], by a [rule]: uint8 red, green and blue of each pixel, row by row.
 *
 * Every new pixel is a mean of old ones, weighted by a triangle whose reach is the distance of the new pixels: bilinear
 * where the image grows, without aliasing where it shrinks. Pillow's `ImageOps.fit` with `BILINEAR` does the same, but
 * for roundings, so that a photo reaches a model as it does in Python. An image of the size asked for stays as it is.
 */
fun Image.toRgb(width: Int, height: Int, rule: Resizing = Resizing.CROP): ByteArray {
    if (rule == Resizing.PAD) return padded(width, height)
    val isExact = this.width == width && this.height == height
    val share = if (rule == Resizing.CENTER && !isExact) 7.0 / 8 else 1.0
    val ratio = if (rule == Resizing.STRETCH) this.width.toDouble() / this.height else width.toDouble() / height
    val columns = shares(this.width, share * minOf(this.width.toDouble(), this.height * ratio), width)
    val rows = shares(this.height, share * minOf(this.height.toDouble(), this.width / ratio), height)
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

/** All of the image in its own shape, in the center of black. */
private fun Image.padded(width: Int, height: Int): ByteArray {
    val scale = minOf(width.toDouble() / this.width, height.toDouble() / this.height)
    val columns = maxOf(1, round(scale * this.width).toInt())
    val rows = maxOf(1, round(scale * this.height).toInt())
    val scaled = toRgb(columns, rows, Resizing.STRETCH)
    val rgb = ByteArray(3 * width * height)
    for (row in 0 until rows) {
        val place = (height - rows) / 2 * width + (width - columns) / 2 + row * width
        scaled.copyInto(rgb, 3 * place, 3 * row * columns, 3 * (row + 1) * columns)
    }
    return rgb
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
