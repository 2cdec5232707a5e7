package dia.keras.app

import android.content.res.AssetManager
import dia.keras.classifier.Answer
import dia.keras.classifier.Image
import dia.keras.classifier.inputBuffer
import dia.keras.classifier.readLabels
import dia.keras.classifier.readResizing
import dia.keras.classifier.toRgb
import dia.keras.classifier.topClasses
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel

/**
 * A TFLite model that classifies images; size and type of its input, the class names and how photos get that size are
 * read from it.
 *
 * Not for several threads at a time. It runs on the CPU: LiteRT's newer `CompiledModel`, for GPUs and NPUs, cannot tell
 * of a uint8 input what it is (its `TensorType` has no such type).
 */
class Classifier(model: ByteBuffer) : AutoCloseable {
    private val interpreter = Interpreter(model)
    private val shape = interpreter.getInputTensor(0).shape()
    private val type = interpreter.getInputTensor(0).dataType()

    init {
        val isImage = shape.size == 4 && shape[0] == 1 && shape[3] == 3
        require(isImage && (type == DataType.UINT8 || type == DataType.FLOAT32)) {
            "The model must take one uint8 or float32 image: shape (1, height, width, 3). " +
                "Received: a model that takes $type of shape ${shape.contentToString()}"
        }
    }

    val height = shape[1]
    val width = shape[2]
    private val labels = readLabels(model, interpreter.getOutputTensor(0).shape().last())
    private val resizing = readResizing(model)

    /** The [count] most probable classes. */
    fun classify(image: Image, count: Int): List<Answer> {
        val input = inputBuffer(image.toRgb(width, height, resizing), asFloats = type == DataType.FLOAT32)
        val output = arrayOf(FloatArray(labels.size))
        interpreter.run(input, output)
        return topClasses(output.single(), labels, count)
    }

    override fun close() = interpreter.close()

    companion object {
        fun fromAsset(assets: AssetManager, name: String): Classifier = assets.openFd(name).use { file ->
            FileInputStream(file.fileDescriptor).use { stream ->
                Classifier(stream.channel.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength))
            }
        }
    }
}
