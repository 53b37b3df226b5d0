// Runs models/default.onnx with ONNX Runtime's C++ API: raw sound comes in, a line of CSV goes out
// for every tenth of a second. docs/model-file.md says what the names, shapes and numbers mean.
//
// README.md says how to build it, and how to give it sound: mono, 24 000 Hz, float32, on standard
// input.

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

namespace {

constexpr std::size_t kHop = 2400;      // samples from one estimate to the next: 0.1 s
constexpr std::size_t kWindow = 72000;  // samples an estimate looks at: 3 s

// The names on the page. The state follows the samples in the one, the estimates in the other.
constexpr std::array kInputs{"samples", "tail",    "frames", "coarse",
                             "fine",    "columns", "hidden", "cell"};
constexpr std::array kOutputs{"affect",       "affect_sd",   "quadrants",   "gems",
                              "next_tail",    "next_frames", "next_coarse", "next_fine",
                              "next_columns", "next_hidden", "next_cell"};
constexpr std::size_t kEstimates = 4;          // outputs before the state
constexpr std::size_t kHidden = 6, kCell = 7;  // their places among the inputs

Ort::SessionOptions options() {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);  // a hop is too small to share
  return options;
}

// One stream of sound on its way through the network.
class Stream {
 public:
  explicit Stream(const std::filesystem::path& file)
      : session_(env_, file.c_str(), options()), inputs_(kInputs.size()) {
    reset();
  }

  // Begins anew, as if digital silence had gone before.
  void reset() {
    for (std::size_t part = 1; part < kInputs.size(); ++part) clear(part);
    std::vector<float> silence(kWindow);
    step(silence);
    clear(kHidden);
    clear(kCell);
  }

  // Hears whole hops; returns valence and arousal, their deviations, quadrants and GEMS-9.
  std::vector<Ort::Value> step(std::vector<float>& samples) {
    const std::array<std::int64_t, 2> shape{1, static_cast<std::int64_t>(samples.size())};
    inputs_[0] = Ort::Value::CreateTensor<float>(memory_, samples.data(), samples.size(),
                                                 shape.data(), shape.size());
    auto found = session_.Run(Ort::RunOptions{}, kInputs.data(), inputs_.data(), kInputs.size(),
                              kOutputs.data(), kOutputs.size());
    std::move(found.begin() + kEstimates, found.end(), inputs_.begin() + 1);
    found.erase(found.begin() + kEstimates, found.end());
    return found;
  }

  // Returns an entry of the file's metadata: words with blanks between them.
  std::string told(const char* key) {
    const auto metadata = session_.GetModelMetadata();
    const auto value = metadata.LookupCustomMetadataMapAllocated(key, allocator_);
    return value ? value.get() : "";
  }

 private:
  void clear(std::size_t part) {
    auto shape = session_.GetInputTypeInfo(part).GetTensorTypeAndShapeInfo().GetShape();
    shape[0] = 1;  // free in the file: the number of streams
    inputs_[part] = Ort::Value::CreateTensor<float>(allocator_, shape.data(), shape.size());
    const auto size = inputs_[part].GetTensorTypeAndShapeInfo().GetElementCount();
    std::fill_n(inputs_[part].GetTensorMutableData<float>(), size, 0.0f);
  }

  Ort::Env env_{ORT_LOGGING_LEVEL_ERROR, "model_file"};
  Ort::Session session_;
  Ort::AllocatorWithDefaultOptions allocator_;
  Ort::MemoryInfo memory_ = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  std::vector<Ort::Value> inputs_;
};

void print_heading(Stream& stream) {
  auto names = "t valence arousal valence_sd arousal_sd " + stream.told("quadrants") + " " +
               stream.told("gems");
  std::replace(names.begin(), names.end(), ' ', ',');
  std::puts(names.c_str());
}

void print_estimate(std::size_t hops, const std::vector<Ort::Value>& found) {
  std::printf("%.1f", static_cast<double>(hops * kHop) / 24000);
  for (const auto& output : found) {
    const auto* numbers = output.GetTensorData<float>();
    const auto count = output.GetTensorTypeAndShapeInfo().GetElementCount();
    for (std::size_t i = 0; i < count; ++i) std::printf(",%.6f", numbers[i]);
  }
  std::puts("");
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s MODEL.onnx < mono, 24 000 Hz, float32\n", arguments[0]);
    return 2;
  }
#ifdef _WIN32
  _setmode(_fileno(stdin), _O_BINARY);
#endif
  try {
    Stream stream(arguments[1]);
    print_heading(stream);
    std::vector<float> hop(kHop);
    // What is left at the end is less than a hop, and gets no estimate.
    for (std::size_t hops = 1; std::fread(hop.data(), sizeof(float), kHop, stdin) == kHop; ++hops) {
      // One that is not finite would stay in the state for ever.
      std::replace_if(hop.begin(), hop.end(), [](float x) { return !std::isfinite(x); }, 0.0f);
      print_estimate(hops, stream.step(hop));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
