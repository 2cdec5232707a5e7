plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "dia.keras.app"
    compileSdk = 36

    defaultConfig {
        applicationId = "dia.keras.app"
        minSdk = 29
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    // The model is mapped into memory as it lies in the APK.
    androidResources {
        noCompress += "tflite"
    }
}

dependencies {
    implementation(project(":classifier"))
    implementation(libs.androidx.activity)
    implementation(libs.androidx.core)
    implementation(libs.androidx.livedata)
    implementation(libs.androidx.viewmodel)
    implementation(libs.litert)
}

val checkModel = tasks.register("checkModel") {
    val model = layout.projectDirectory.file("src/main/assets/model.tflite").asFile
    doLast {
        if (!model.isFile) {
            throw GradleException(
                "The app needs a model. Run `dia-keras export dia_resnet20_cifar100 $model`, or export another there."
            )
        }
    }
}

tasks.named("preBuild") { dependsOn(checkModel) }
