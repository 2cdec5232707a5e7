package dia.keras.classifier

/** A class and how probable it is. */
data class Answer(val label: String, val probability: Float)

/** The [count] most probable classes, the best first. */
fun topClasses(probabilities: FloatArray, labels: List<String>, count: Int): List<Answer> {
    require(probabilities.size == labels.size) {
        "`probabilities` must be as many as the labels. Received: ${probabilities.size} for ${labels.size} labels"
    }
    val order = probabilities.indices.sortedByDescending { probabilities[it] }
    return order.take(count).map { Answer(labels[it], probabilities[it]) }
}
