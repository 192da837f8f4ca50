/* cuda_module.h - the `cuda` backend lives in a module, hfprop_cuda.so, that is opened when it is asked for.
 *
 * One hfprop so starts on machines with no NVIDIA library at all. The module is looked for in this order:
 * the file that the environment variable HFPROP_CUDA_MODULE names (and nothing else then), the folder of the program, its
 * folder cuda/, which is where a build leaves it, the library folder of the installation.
 */
#ifndef HF_SRC_CUDA_MODULE_H
#define HF_SRC_CUDA_MODULE_H

#include "propagate/context_ops.h"
#include "propagate/first_ops.h"
#include "propagate/match_context.h"
#include "propagate/match_dense.h"
#include "propagate/splat.h"
#include "src/backend.h"
#include "src/ops.h"

/* What must agree between the program and the module: sizes catch what was added or taken away, version is for what they
 * do not see. Raise it where a member changes its meaning or its place. */
#define HF_CUDA_MODULE_SIZES 17
typedef struct hf_cuda_module_abi {
    unsigned version;
    unsigned sizes[HF_CUDA_MODULE_SIZES]; /* bytes of the tables and of what their calls are given */
} hf_cuda_module_abi;
#define HF_CUDA_MODULE_ABI \
    { .version = 7, \
      .sizes = { sizeof(hf_backend), sizeof(hf_context_ops), sizeof(hf_first_ops), sizeof(hf_tensor), sizeof(hf_packed), \
                 sizeof(hf_conv2d_params), sizeof(hf_linear_params), sizeof(hf_match_dense_params), \
                 sizeof(hf_match_context_params), sizeof(hf_splat_params), sizeof(hf_cells), sizeof(hf_anchor_view), \
                 sizeof(hf_context_lists), sizeof(hf_context_reference), sizeof(hf_fine_matches), sizeof(hf_decision), \
                 sizeof(hf_first_field) } }

#define HF_CUDA_MODULE_NAME "hfprop_cuda.so"
#define HF_CUDA_MODULE_SYMBOL "hf_cuda_module_fill"
#define HF_CUDA_MODULE_EXPORT __attribute__((visibility("default")))

/* Fills be for GPU `device`. HF_EDEVICE: no driver, no such GPU, another build. HF_EUNSUPPORTED: a GPU that is too old.
 * HF_EOF instead of HF_EDEVICE: there is no driver or no GPU at all. */
typedef int hf_cuda_module_fill_fn(hf_backend *be, int device, const hf_cuda_module_abi *abi, hf_error *err);
HF_CUDA_MODULE_EXPORT hf_cuda_module_fill_fn hf_cuda_module_fill;

/* Open the module and fill be. HF_EDEVICE, with what was tried, where there is none. The module stays open. */
int hf_cuda_fill(hf_backend *be, int device, hf_error *err);

/* Whether there is nothing to use cuda with: no module, or the module has found no driver or no GPU. Not so where a GPU
 * is there and something else failed. Of the last hf_cuda_fill of this thread. */
bool hf_cuda_is_absent(void);

#endif
