package dia.keras.app

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.ImageDecoder
import android.net.Uri
import dia.keras.classifier.Image
import dia.keras.classifier.sampleSize

/** A photo, upright, and for saving memory not much larger than [atLeast] pixels on its shorter side. */
fun ContentResolver.loadPhoto(photo: Uri, atLeast: Int): Bitmap =
    ImageDecoder.decodeBitmap(ImageDecoder.createSource(this, photo)) { decoder, info, _ ->
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE // pixels on the GPU cannot be read
        decoder.setTargetSampleSize(sampleSize(info.size.width, info.size.height, atLeast))
    }

fun Bitmap.toImage(): Image {
    val pixels = IntArray(width * height)
    getPixels(pixels, 0, width, 0, 0, width, height)
    return Image(pixels, width, height)
}
