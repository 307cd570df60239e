// Which encoder serves which format.
#include "quant/codecs/encoders/encoders.h"

namespace lathe::LATHE_CODEC_TIER {

void fill_encoders(EncoderTable& table) noexcept {
  const auto set = [&](Format format, EncodeRowFn encode) noexcept {
    table.encode_row[static_cast<std::size_t>(format)] = encode;
  };
  set(Format::F32, encode_f32);
  set(Format::F16, encode_f16);
  set(Format::BF16, encode_bf16);
  set(Format::Q8_0, encode_q8_0);
  set(Format::Q4_0, encode_q4_0);
  set(Format::Q4_1, encode_q4_1);
  set(Format::Q5_0, encode_q5_0);
  set(Format::Q5_1, encode_q5_1);
  set(Format::Q2_K, encode_q2_k);
  set(Format::Q3_K, encode_q3_k);
  set(Format::Q4_K, encode_q4_k);
  set(Format::Q5_K, encode_q5_k);
  set(Format::Q6_K, encode_q6_k);
  set(Format::IQ4_NL, encode_iq4_nl);
  set(Format::IQ4_XS, encode_iq4_xs);
  set(Format::IQ3_S, encode_iq3_s);
  set(Format::IQ3_XXS, encode_iq3_xxs);
  set(Format::IQ2_S, encode_iq2_s);
  set(Format::IQ2_XS, encode_iq2_xs);
  set(Format::IQ2_XXS, encode_iq2_xxs);
  set(Format::IQ1_S, encode_iq1_s);
  set(Format::IQ1_M, encode_iq1_m);
  set(Format::TQ1_0, encode_tq1_0);
  set(Format::TQ2_0, encode_tq2_0);
  set(Format::MXFP4, encode_mxfp4);
  fill_rounding(table.rounding);
}

}  // namespace lathe::LATHE_CODEC_TIER
