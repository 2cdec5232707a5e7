package dia.keras.classifier

/** The power of two to decode a photo smaller by, so that its shorter side keeps [atLeast] pixels where it has them. */
fun sampleSize(width: Int, height: Int, atLeast: Int): Int =
    (minOf(width, height) / atLeast).coerceAtLeast(1).takeHighestOneBit()
