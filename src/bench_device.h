/* bench_device.h - what bench_net.c and bench_ops.c share: options, arrays on the device, time. Internal to bench_*.c. */
#ifndef HF_SRC_BENCH_DEVICE_H
#define HF_SRC_BENCH_DEVICE_H

#include "src/backend.h"
#include "src/hfprop.h"
#include "src/recorder.h"

typedef struct hf_bench_options {
    const char  *device;      /* name of the backend: cpu */
    const char  *name;        /* of the row that is printed; NULL: made from what is measured */
    const char  *only;        /* rows with this in their name; NULL: all */
    const char  *aggregation; /* of a model: its file */
    const char  *words[2];    /* arguments that are no options */
    int          n_words;
    hf_precision precision;
    int          batch, repeat, threads, width, height; /* 0 in width: 512 x 512 */
} hf_bench_options;

/* --device D --precision auto|f32|bf16|f16 --batch N --size WxH --repeat N --threads N --name ROW --only WORD
 * --aggregation FILE, and up to two words. -1: not understood. */
int hf_bench_options_read(hf_bench_options *o, int argc, char **argv);

/* Memory of the backend with that shape; normal numbers from a seed (u8 and i32: 0..255). The caller frees data. The same
 * million numbers are repeated in larger arrays. HF_ENOMEM. */
int hf_bench_array_shape(hf_backend *be, hf_tensor *out, uint64_t seed, hf_dtype dtype, int n_dims, const int64_t *shape,
                         hf_error *err);
#define hf_bench_array(be, out, seed, err, dtype, n_dims, ...) \
    hf_bench_array_shape(be, out, seed, dtype, n_dims, (const int64_t[]){ __VA_ARGS__ }, err)

/*
 * Median milliseconds of a call of body: once plainly, then recorded if the backend can and `records` says so, then
 * `repeat` groups of as many calls as take 20 ms, each group between two syncs, and the median group divided by its calls.
 */
int hf_bench_time(double *ms, hf_backend *be, hf_recorder_body *body, void *ctx, bool records, int repeat, hf_error *err);

/* One line: name, milliseconds, things a second, MB of the device that are in use (the backend's own count, and all). */
void hf_bench_row(hf_backend *be, const char *name, double ms, int n_things);

#endif
