package dia.keras.classifier

import java.io.File
import java.nio.ByteBuffer

/** Prints a TFLite file's labels, in UTF-8: `FILE CLASSES`. A test compares them with what the exporter was given. */
fun main(arguments: Array<String>) {
    val (file, classes) = arguments
    val labels = readLabels(ByteBuffer.wrap(File(file).readBytes()), classes.toInt())
    System.out.write(labels.joinToString("\n").toByteArray())
    System.out.flush()
}
