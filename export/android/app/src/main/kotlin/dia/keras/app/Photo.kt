package dia.keras.app

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.ImageDecoder
import android.net.Uri
import dia.keras.classifier.Image
import dia.keras.classifier.sampleSize

/**
 * A photo, upright, on white where it is transparent, and for saving memory not much larger than [atLeast] pixels on its
 * shorter side.
 */
fun ContentResolver.loadPhoto(photo: Uri, atLeast: Int): Bitmap {
    val decoded = ImageDecoder.decodeBitmap(ImageDecoder.createSource(this, photo)) { decoder, info, _ ->
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE // pixels on the GPU cannot be read
        decoder.setTargetSampleSize(sampleSize(info.size.width, info.size.height, atLeast))
    }
    if (!decoded.hasAlpha()) return decoded
    val onWhite = Bitmap.createBitmap(decoded.width, decoded.height, Bitmap.Config.ARGB_8888)
    Canvas(onWhite).run {
        drawColor(Color.WHITE)
        drawBitmap(decoded, 0f, 0f, null)
    }
    return onWhite
}

fun Bitmap.toImage(): Image {
    val pixels = IntArray(width * height)
    getPixels(pixels, 0, width, 0, 0, width, height)
    return Image(pixels, width, height)
}
