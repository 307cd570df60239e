#include "quant/calibrate/calibrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "quant/calibrate/group_rounder.h"
#include "quant/calibrate/input_group.h"
#include "quant/calibrate/input_moments.h"
#include "quant/calibrate/plain_encoding.h"
#include "quant/calibrate/teacher_layer.h"
#include "quant/calibrate/teacher_weights.h"
#include "quant/calibrate/work_meter.h"
#include "runtime/base/error.h"
#include "runtime/decode_rows.h"

namespace lathe {
namespace {

constexpr const char* kHeadName = "output head";

class Calibration {
 public:
  Calibration(const CalibrateJob& job, CalibratedFiles& files)
      : job_(job),
        files_(files),
        texts_(job.set.run_texts()),
        source_(job.model.weights()),
        weights_(source_),
        teacher_weights_(job.kernels, job.pool, source_),
        meter_(source_, job.model.skipped_layers, job.set.n_items(), job.settings.sweeps,
               job.progress) {
    for (const PlannedTensor& t : job.plan.tensors) planned_[t.source.name] = &t;
    RunModel teacher = job.model, student = job.model;
    teacher.overlay = &teacher_weights_.weights();
    student.overlay = &weights_;
    teacher_ = make_forward_runner({teacher}, job.kernels, job.pool, job.run);
    student_ = make_forward_runner({student}, job.kernels, job.pool, job.run);
    const std::size_t n_embd = job.model.model.traits().n_embd;
    for (auto* store : {&was_, &is_, &was_next_, &is_next_}) {
      *store = std::make_unique<HiddenStore>(job.set.n_items(), n_embd, job.run.spill_folder);
    }
  }

  void run() {
    embed();
    const int n_layer = static_cast<int>(source_.n_layer());
    for (int layer = 0; layer < n_layer; ++layer) {
      if (is_skipped(layer)) continue;
      run_layer(layer);
      std::swap(was_, was_next_);
      std::swap(is_, is_next_);
    }
    if (source_.get(TensorRole::kOutput, -1)) run_head(n_layer);
  }

 private:
  struct Decided {
    TensorId id;
    RoundedMatrix matrix;
  };

  // Where the new weights' run of the layer at work stands: in front of a product whose input was
  // kept, or of the layer.
  struct Standing {
    std::optional<TensorRole> since;
    const HiddenStore* input = nullptr;
    const HiddenStore* stream = nullptr;
  };

  bool is_skipped(int layer) const {
    const auto& skipped = job_.model.skipped_layers;
    return std::find(skipped.begin(), skipped.end(), layer) != skipped.end();
  }

  // The planned tensor, where it gets another format.
  const PlannedTensor* encoded(TensorId id) const {
    const auto found = planned_.find(tensor_name(id));
    if (found == planned_.end() || found->second->copied()) return nullptr;
    return found->second;
  }

  // ---- the paths

  RunCallbacks callbacks(Observer* const& observer, const std::string& step) {
    return {.progress = [this, step](double fraction,
                                     std::string_view) { return meter_.at(fraction, step); },
            .observers = std::span(&observer, observer == nullptr ? 0 : 1)};
  }

  void run_path(ForwardRunner& runner, const LayerRange& layers, const HiddenStore& from,
                HiddenStore* to, Observer* observer, const std::string& step,
                const HiddenStore* input = nullptr) {
    const HiddenStore* const from_stores[] = {&from};
    HiddenStore* const to_stores[] = {to};
    const RunPart part{layers, from_stores, std::span(to_stores, to == nullptr ? 0 : 1), input};
    runner.run_part(texts_, part, callbacks(observer, step));
  }

  // Up to the product of the head, which every token enters.
  void run_to_head(ForwardRunner& runner, const HiddenStore& from, Observer& observer) {
    std::vector<std::vector<BatchItem>> items;
    for (const RunText text : texts_) {
      items.emplace_back(text.begin(), text.end());
      for (BatchItem& item : items.back()) item.want_logits = true;
    }
    const std::vector<RunText> texts(items.begin(), items.end());
    const int n_layer = static_cast<int>(source_.n_layer());
    const HiddenStore* const from_stores[] = {&from};
    runner.run_part(texts, {{n_layer, n_layer, TensorRole::kOutput}, from_stores},
                    callbacks(&observer, kHeadName));
  }

  // ---- the parts of a model

  void embed() {
    if (!files_.take_up(0)) {
      std::vector<Decided> decided;
      if (const TensorId id{TensorRole::kTokenEmbd, -1}; encoded(id) != nullptr) {
        meter_.check(0.0, "token embeddings");
        decided.push_back({id, plain(id)});
      }
      keep(0, decided);
    }
    use_file_of({TensorRole::kTokenEmbd, -1});
    run_path(*teacher_, {0, 0}, *was_, was_.get(), nullptr, "embed");
    run_path(*student_, {0, 0}, *is_, is_.get(), nullptr, "embed");
  }

  void run_layer(int layer) {
    const auto number = static_cast<std::size_t>(layer) + 1;
    const std::string name = fmt::format("layer {} of {}", layer + 1, source_.n_layer());
    teacher_weights_.enter(layer);
    if (files_.take_up(number)) {
      meter_.leave_out(meter_.calibration(layer));
      meter_.begin(meter_.source_pass(layer));
      run_path(*teacher_, {layer, layer + 1}, *was_, was_next_.get(), nullptr, name);
      use_files_of(layer);
      meter_.begin(meter_.new_pass(layer));
      run_path(*student_, {layer, layer + 1}, *is_, is_next_.get(), nullptr, name);
    } else {
      calibrate_layer(layer, number, name);
    }
  }

  void use_files_of(int layer) {
    for (const InputGroup& group : layer_groups(source_, layer)) {
      for (const TensorRole role : group.roles) use_file_of({role, layer});
    }
  }

  void calibrate_layer(int layer, std::size_t number, const std::string& name) {
    TeacherLayer teacher(texts_, source_, layer, job_.run.spill_folder);
    meter_.begin(meter_.source_pass(layer));
    run_path(*teacher_, {layer, layer + 1}, *was_, was_next_.get(), &teacher.observer(),
             name + ", source");
    std::vector<Decided> decided;
    standing_ = {{}, nullptr, is_.get()};
    for (const InputGroup& group : layer_groups(source_, layer)) {
      const HiddenStore* stream = nullptr;
      if (group.adds_to_stream) {
        stream = group.input == LayerInput::kDown ? &teacher.middle() : was_.get();
      }
      decide_group(group, layer, {teacher.input(group.input), stream}, name, decided);
    }
    keep(number, decided);
    use_files_of(layer);
    meter_.begin(meter_.new_pass(layer));
    run_path(*student_, {layer, layer + 1, {}, standing_.since}, *standing_.stream, is_next_.get(),
             nullptr, name, standing_.input);
  }

  void run_head(int n_layer) {
    const auto number = static_cast<std::size_t>(n_layer) + 1;
    if (files_.take_up(number)) return;
    std::vector<Decided> decided;
    if (encoded({TensorRole::kOutput, -1}) != nullptr) {
      const HiddenStore input(job_.set.n_items(), source_.get(TensorRole::kOutput, -1).cols,
                              job_.run.spill_folder);
      Capture capture(texts_);
      capture.keep_input(TensorRole::kOutput, input);
      run_to_head(*teacher_, *was_, capture);
      decide_group(head_group(), -1, {input, nullptr}, kHeadName, decided);
    }
    keep(number, decided);
  }

  // ---- a group of matrices

  DenseMatrix<float> matrix_of(TensorId id) const {
    return decoded(job_.kernels, job_.pool, source_.get(id.role, id.layer));
  }

  void decide_group(const InputGroup& group, int layer, const TeacherInput& teacher,
                    const std::string& where, std::vector<Decided>& decided) {
    std::vector<TensorId> ids;
    for (const TensorRole role : group.roles) {
      if (encoded({role, layer}) != nullptr) ids.push_back({role, layer});
    }
    if (ids.empty()) return;
    const TensorRole first =
        layer < 0 ? TensorRole::kOutput : first_role(group.input, source_, layer);
    MomentSums::Group watched{first, layer, group.weight};
    DenseMatrix<float> matrix;
    if (group.adds_to_stream || group.weight == TokenWeight::kByOutput) {
      matrix = matrix_of(ids.front());
      watched.matrix = matrix;
    }
    if (group.adds_to_stream && group.weight == TokenWeight::kByOutput) {
      watched.gain = reinterpret_cast<const float*>(source_.get(group.norm, layer).data);
    }
    watched.keep_input = layer >= 0 && group.input != LayerInput::kAttention;
    if (layer >= 0 && group.input >= LayerInput::kFeedForward && standing_.stream == is_.get()) {
      watched.middle = is_next_.get();
    }
    meter_.begin(meter_.moments(group, layer));
    GroupRounder rounder = rounder_for(watched, teacher, where);
    meter_.begin(meter_.rounding(group, layer));
    double done = 0.0;
    for (const TensorId id : ids) {
      const std::string name = tensor_name(id);
      meter_.check(done, fmt::format("{}, {}", where, name));
      const DenseMatrix<float> w = matrix.empty() ? matrix_of(id) : std::move(matrix);
      decided.push_back({id, rounder.round(w, encoded(id)->format, name)});
      use(decided.back());
      done += 1.0 / static_cast<double>(ids.size());
    }
  }

  GroupRounder rounder_for(const MomentSums::Group& watched, const TeacherInput& teacher,
                           const std::string& where) {
    MomentSums sums(job_.kernels, job_.pool, job_.set, watched, teacher,
                    student_->options().n_batch);
    if (watched.layer < 0) {
      run_to_head(*student_, *is_, sums);
    } else {
      run_path(*student_, {watched.layer, watched.layer + 1, watched.role, standing_.since},
               *standing_.stream, nullptr, &sums,
               fmt::format("{}, input of {}", where, role_name(watched.role)), standing_.input);
    }
    if (watched.keep_input) standing_ = {watched.role, &teacher.input, standing_.stream};
    if (watched.middle != nullptr) standing_.stream = watched.middle;
    return GroupRounder(job_.kernels, job_.pool, sums.decided(), sums.held_out(), job_.settings);
  }

  // The token embeddings, without importance.
  RoundedMatrix plain(TensorId id) {
    const PlannedTensor& planned = *encoded(id);
    RoundedMatrix out;
    out.blocks = AlignedBuffer(planned.n_bytes);
    encode_plainly(job_.kernels, job_.pool, matrix_of(id), planned.format, {}, planned.source.name,
                   reinterpret_cast<std::uint8_t*>(out.blocks.data()));
    return out;
  }

  // ---- what was decided

  void set_weight(TensorId id, Format format, const std::uint8_t* blocks) {
    const WeightView& before = source_.get(id.role, id.layer);
    weights_.set(id, {format, before.rows, before.cols, blocks});
  }

  void use(const Decided& decided) {
    set_weight(decided.id, encoded(decided.id)->format,
               reinterpret_cast<const std::uint8_t*>(decided.matrix.blocks.data()));
  }

  void use_file_of(TensorId id) {
    const CalibratedFiles::Found found = files_.find(tensor_name(id));
    if (found.tensor != nullptr) {
      set_weight(id, found.tensor->format, found.file->data(*found.tensor).data());
    }
  }

  void keep(std::size_t number, const std::vector<Decided>& decided) {
    std::vector<CalibratedFiles::NewTensor> tensors;
    for (const auto& [id, m] : decided) {
      const PlannedTensor& planned = *encoded(id);
      tensors.push_back({{planned.source.name, planned.format, m.has_rounding, m.fell_back,
                          static_cast<float>(m.plain_error), static_cast<float>(m.error),
                          static_cast<float>(m.held_out_ratio)},
                         std::span(planned.source.dims).first(planned.source.n_dims),
                         m.blocks.as<std::uint8_t>()});
    }
    files_.write(number, tensors);
  }

  const CalibrateJob& job_;
  CalibratedFiles& files_;
  std::vector<RunText> texts_;
  const WeightSet& source_;
  WeightSet weights_;  // the source's, replaced one by one
  TeacherWeights teacher_weights_;
  std::map<std::string, const PlannedTensor*, std::less<>> planned_;  // by names in the source
  WorkMeter meter_;
  std::unique_ptr<ForwardRunner> teacher_, student_;
  // Hidden states before and behind the layer at work, through the source and the new weights.
  std::unique_ptr<HiddenStore> was_, is_, was_next_, is_next_;
  Standing standing_;
};

}  // namespace

void calibrate(const CalibrateJob& job, CalibratedFiles& files) { Calibration(job, files).run(); }

}  // namespace lathe
