package dia.keras.classifier

/** An image as Android's `Bitmap.getPixels` gives it: 0xAARRGGBB for each pixel, row by row. */
class Image(val pixels: IntArray, val width: Int, val height: Int) {
    init {
        require(pixels.size == width * height) {
            "`pixels` must be width * height. Received: ${pixels.size} pixels for $width * $height"
        }
    }
}
