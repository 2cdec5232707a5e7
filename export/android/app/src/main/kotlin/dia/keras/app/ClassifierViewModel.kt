package dia.keras.app

import android.app.Application
import android.graphics.Bitmap
import android.net.Uri
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.MutableLiveData
import dia.keras.classifier.Answer
import java.util.concurrent.Executors

private const val MODEL = "model.tflite"
private const val ANSWERS = 5
private const val SHOWN_PIXELS = 1024 // on a photo's shorter side: about as many as a screen has

sealed interface State {
    data object Busy : State

    class Classified(val photo: Bitmap, val answers: List<Answer>, val milliseconds: Double) : State

    class Failed(val reason: String) : State
}

/** Classifies photos in the background, and keeps the last answer while the screen turns. */
class ClassifierViewModel(application: Application) : AndroidViewModel(application) {
    val state = MutableLiveData<State>()
    private val assets = application.assets
    private val resolver = application.contentResolver

    // One thread only: a classifier takes one image at a time.
    private val worker = Executors.newSingleThreadExecutor()
    private var classifier: Classifier? = null

    fun classify(photo: Uri) {
        state.value = State.Busy
        worker.execute {
            val result = try {
                answer(photo)
            } catch (error: Throwable) { // a missing native library and a lack of memory are no `Exception`s
                State.Failed(error.message ?: error.toString())
            }
            state.postValue(result)
        }
    }

    private fun answer(photo: Uri): State {
        val model = classifier ?: Classifier.fromAsset(assets, MODEL).also { classifier = it }
        val bitmap = resolver.loadPhoto(photo, maxOf(SHOWN_PIXELS, model.width, model.height))
        val image = bitmap.toImage()
        val start = System.nanoTime()
        val answers = model.classify(image, ANSWERS)
        return State.Classified(bitmap, answers, (System.nanoTime() - start) / 1e6)
    }

    override fun onCleared() {
        worker.execute { classifier?.close() }
        worker.shutdown()
    }
}
