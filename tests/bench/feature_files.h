/* feature_files.h - a model that reads its features from files, for measuring descriptors that are not in hfprop.
 *
 * FOLDER/NAME/%05d.npy holds frame 0, 1, ... of sequence NAME: f32 or f16 [h,w,D] at stride 8, h = ceil(height / 8),
 * w = ceil(width / 8), of any length; they are brought to unit length. Frames are taken in order, the drawn one first:
 * every extract reads the next file.
 */
#ifndef HF_TESTS_BENCH_FEATURE_FILES_H
#define HF_TESTS_BENCH_FEATURE_FILES_H

#include "src/model.h"

/* D is read from frame 0. Returns HF_ENOMEM, what hf_npy_read returns, or HF_EFORMAT for another shape. */
int feature_files_open(hf_model **out, hf_backend *be, const char *folder, const char *name, int width, int height,
                       hf_error *err);

#endif
