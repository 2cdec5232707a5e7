package dia.keras.app

import android.content.ActivityNotFoundException
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.ImageView
import android.widget.ProgressBar
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts.PickVisualMedia
import androidx.activity.result.contract.ActivityResultContracts.TakePicture
import androidx.activity.viewModels
import androidx.core.content.FileProvider
import dia.keras.classifier.Answer
import java.io.File

/** Picks or takes a photo and shows what it is of. */
class MainActivity : ComponentActivity() {
    private val viewModel: ClassifierViewModel by viewModels()
    private val picker = registerForActivityResult(PickVisualMedia()) { photo -> photo?.let(viewModel::classify) }
    private val camera = registerForActivityResult(TakePicture()) { if (it) viewModel.classify(cameraPhoto()) }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        findViewById<Button>(R.id.pick).setOnClickListener {
            picker.launch(PickVisualMediaRequest(PickVisualMedia.ImageOnly))
        }
        findViewById<Button>(R.id.take).setOnClickListener { takePhoto() }
        viewModel.state.observe(this, ::show)
    }

    private fun takePhoto() {
        try {
            camera.launch(cameraPhoto())
        } catch (error: ActivityNotFoundException) {
            show(State.Failed(getString(R.string.no_camera)))
        }
    }

    /** Where the camera app writes: always the same file, in case this app is stopped meanwhile and forgets. */
    private fun cameraPhoto(): Uri {
        val folder = File(cacheDir, "photos").apply { mkdirs() }
        return FileProvider.getUriForFile(this, "$packageName.photos", File(folder, "photo.jpg"))
    }

    private fun show(state: State) {
        val classified = state as? State.Classified
        findViewById<TextView>(R.id.status).text = when (state) {
            is State.Busy -> getString(R.string.busy)
            is State.Classified -> getString(R.string.took, state.milliseconds)
            is State.Failed -> getString(R.string.failed, state.reason)
        }
        findViewById<ImageView>(R.id.photo).setImageBitmap(classified?.photo)
        val rows = findViewById<ViewGroup>(R.id.answers)
        rows.removeAllViews()
        classified?.answers?.forEach { rows.addView(row(it, rows)) }
    }

    private fun row(answer: Answer, rows: ViewGroup): View {
        val row = layoutInflater.inflate(R.layout.answer, rows, false)
        row.findViewById<TextView>(R.id.label).text = answer.label
        row.findViewById<ProgressBar>(R.id.bar).run { progress = (max * answer.probability).toInt() }
        row.findViewById<TextView>(R.id.percent).text = getString(R.string.percent, 100 * answer.probability)
        return row
    }
}
