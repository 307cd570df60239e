// Which groups of columns a least-squares fit can do without: greedy backward elimination with an
// exact refit of the others after each step (the optimal brain surgeon's downdate of the inverse;
// Hassibi & Stork 1993).
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// W [n_out, n] = C P minimises the error of a fit with P = A^-1 [n, n]. Taking out a group g of
// `group` columns raises the error by tr(w_g P_gg^-1 w_g^T): the group with the least goes, W and P
// become those of the fit without it, until n_keep groups are left. Returns those, ascending; W is
// the fit with them (other columns are zero), P its inverse. Ties go to the first.
std::vector<std::size_t> eliminate_groups(ThreadPool& pool, MatrixView<double> weights,
                                          MatrixView<double> inverse, std::size_t group,
                                          std::size_t n_keep);

}  // namespace lathe
