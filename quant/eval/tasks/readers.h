// The readers behind read_tasks.h, one per form of file. Each gives complete, checked tasks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quant/eval/tasks/task.h"

namespace lathe {

using Tasks = std::vector<Task>;

// Six lines a task: context, number of the right ending from 0, four endings.
Tasks read_hellaswag_text(std::string_view text, const std::string& path);
// One object a line: activity_label, ctx (or ctx_a and ctx_b), endings, label. Tags of WikiHow
// ("[title]") become what they are in the text form.
Tasks read_hellaswag_json(std::string_view text, const std::string& path);

// index,sentence,choice 1,choice 2,answer (1 or 2); "_" marks the gap. A header is skipped.
Tasks read_winogrande_csv(std::string_view text, const std::string& path);
// One object a line: sentence, option1, option2, answer.
Tasks read_winogrande_json(std::string_view text, const std::string& path);

// llama.cpp's binary file. Little endian: u32 number of tasks; u32 offset of each from the start of
// the file; tasks: question, answers of mc1, of mc2. A text is u32 length and bytes; answers are
// u32 number, texts, i32 labels (1: correct, 0: not).
Tasks read_choice_binary(std::span<const std::uint8_t> bytes, const std::string& path);

// One object a line. Answers: "choices" as a list of texts, a list of {text, label}, or lists
// {"text", "label"}; also below "question": {"stem", "choices"}. The right one: "gold" or "answer",
// a number from 0 or a letter, or "answerKey", a label. Group: "subject", or the file's name.
Tasks read_question_json(std::string_view text, const std::string& path);

// No header: question, A, B, C, D, letter of the answer. Group: the file's name.
Tasks read_mmlu_csv(std::string_view text, const std::string& path);

// A list of {question, mc1_targets: {answer: 1 or 0}, mc2_targets}.
Tasks read_truthful_json(std::string_view text, const std::string& path);
// A header that names the columns Question, Best Answer, Correct Answers, Incorrect Answers; lists
// are split at ";", and each answer ends with a full stop, as in mc_task.json. mc1: the best answer
// against the incorrect ones; mc2: the correct against the incorrect.
Tasks read_truthful_csv(std::string_view text, const std::string& path);
bool is_truthful_csv(std::string_view text);

// "ARC-Easy" and "ARC-Challenge" for ARC's files, else the name without folder, ending, and a
// trailing _test, _val or _dev.
std::string group_of_file(const std::string& path);

}  // namespace lathe
