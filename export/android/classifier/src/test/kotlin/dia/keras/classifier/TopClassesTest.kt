package dia.keras.classifier

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test

class TopClassesTest {
    private val labels = listOf("a", "b", "c")

    @Test
    fun `the most probable class comes first`() {
        val answers = topClasses(floatArrayOf(0.1f, 0.6f, 0.3f), labels, 2)
        assertEquals(listOf(Answer("b", 0.6f), Answer("c", 0.3f)), answers)
    }

    @Test
    fun `more classes than there are is all of them, and equal ones keep their order`() {
        assertEquals(labels, topClasses(floatArrayOf(0.2f, 0.2f, 0.2f), labels, 5).map { it.label })
    }

    @Test
    fun `probabilities of other classes are refused`() {
        val error = assertThrows(IllegalArgumentException::class.java) { topClasses(floatArrayOf(1f), labels, 1) }
        assertEquals("`probabilities` must be as many as the labels. Received: 1 for 3 labels", error.message)
    }
}
