package dia.keras.classifier

import java.io.File
import java.nio.ByteBuffer
import javax.imageio.ImageIO

/**
 * Writes what a model gets of an image: `FILE WIDTH HEIGHT OUTPUT [MODEL]`, by the rule that a TFLite file tells. A test
 * compares it with the Python samples.
 */
fun main(arguments: Array<String>) {
    val (file, width, height, output) = arguments
    val picture = requireNotNull(ImageIO.read(File(file))) { "FILE must be an image that Java reads. Received: $file" }
    val pixels = picture.getRGB(0, 0, picture.width, picture.height, null, 0, picture.width)
    val model = arguments.getOrNull(4)?.let { File(it).readBytes() } ?: ByteArray(0)
    val rule = readResizing(ByteBuffer.wrap(model))
    File(output).writeBytes(Image(pixels, picture.width, picture.height).toRgb(width.toInt(), height.toInt(), rule))
}
