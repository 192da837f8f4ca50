/* vit_forward.c - one forward pass of a vision transformer on an array, timed.
 *
 *     vit_forward WEIGHTS IMAGE.npy OUT.npy [layer facet stride runs precision threads]
 *
 * IMAGE: f32 [H,W,3], as the network takes it. OUT: f32 [h,w,width]. Defaults: the last layer, token, the patch, 5 runs, f32.
 * Prints the median and the shortest time, the processor time of a run (of all threads), and the bytes of scratch. tests/golden/fullsize_vit.py compares with PyTorch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/npy.h"
#include "src/net/vit.h"
#include "src/net/vit_names.h"

#define MAX_RUNS 1000

static double now_ms(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* runs timed passes after one that prepares. */
static int time_runs(hf_vit *vit, const hf_tensor *image, const hf_vit_tap *tap, int runs, hf_error *err)
{
    static double ms[MAX_RUNS];
    int rc = hf_vit_run(vit, image, tap, 1, err);
    double before = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < runs && rc >= 0; i++) {
        double start = now_ms(CLOCK_MONOTONIC);
        rc = hf_vit_run(vit, image, tap, 1, err);
        ms[i] = now_ms(CLOCK_MONOTONIC) - start;
    }
    if (rc < 0)
        return rc;
    double processor = (now_ms(CLOCK_PROCESS_CPUTIME_ID) - before) / runs;
    qsort(ms, (size_t)runs, sizeof(*ms), compare);
    printf("median %.1f ms, shortest %.1f ms, processor %.1f ms, scratch %lld bytes\n", ms[runs / 2], ms[0], processor,
           (long long)hf_vit_bytes(vit, (int)image->shape[1], (int)image->shape[0]));
    return HF_OK;
}

static int facet_of(const char *name)
{
    static const char *const names[] = { "token", "raw", "key", "query", "value" };
    for (int i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return 0;
}

int main(int argc, char **argv)
{
    hf_error err = { 0 };
    hf_backend *be = NULL;
    hf_tensor_file *file = NULL;
    hf_weights *weights = NULL;
    hf_vit *vit = NULL;
    hf_npy *image = NULL;
    hf_vit_names names;
    hf_vit_tap tap = { .out.data = NULL };
    int h, w, rc;

    if (argc < 4) {
        fprintf(stderr, "vit_forward WEIGHTS IMAGE.npy OUT.npy [layer facet stride runs precision threads]\n");
        return 2;
    }
    hf_vit_params params = { .stride_px = argc > 6 ? atoi(argv[6]) : 0,
                             .dtype = argc > 8 && strcmp(argv[8], "bf16") == 0 ? HF_BF16 : HF_F32 };
    int runs = argc > 7 ? atoi(argv[7]) : 5;
    if ((rc = hf_backend_open(&be, "cpu", argc > 9 ? atoi(argv[9]) : 0, &err)) < 0 || (rc = hf_npy_read(&image, argv[2], &err)) < 0 ||
        (rc = hf_tensor_file_open(&file, argv[1], &err)) < 0 || (rc = hf_vit_names_find(&names, file, &err)) < 0 ||
        (rc = hf_weights_open(&weights, file, "ViT", hf_vit_rename, &names, &err)) < 0 ||
        (rc = hf_vit_new(&vit, be, weights, &params, &err)) < 0)
        goto end;
    if (image->n_dims != 3 || image->type != HF_ENTRY_F32 || image->shape[2] != 3) {
        rc = hf_fail(&err, HF_EARG, "%s: want f32 [H,W,3]", argv[2]);
        goto end;
    }
    hf_tensor picture = hf_tensor_view_shape(image->data, HF_F32, 3, image->shape);
    if ((rc = hf_vit_prepare(vit, (int)image->shape[1], (int)image->shape[0], &err)) < 0)
        goto end;
    hf_vit_grid(vit, (int)image->shape[1], (int)image->shape[0], &h, &w);
    tap = (hf_vit_tap){ argc > 4 && atoi(argv[4]) ? atoi(argv[4]) : hf_vit_get_sizes(vit)->depth,
                        (hf_vit_facet)(argc > 5 ? facet_of(argv[5]) : 0),
                        hf_tensor_view(NULL, HF_F32, 3, h, w, hf_vit_get_sizes(vit)->width) };
    tap.out.data = calloc(1, hf_tensor_bytes(&tap.out));
    if ((rc = time_runs(vit, &picture, &tap, runs < MAX_RUNS ? runs : MAX_RUNS, &err)) >= 0)
        rc = hf_npy_write(argv[3], HF_ENTRY_F32, 3, tap.out.shape, tap.out.data, &err);
end:
    if (rc < 0)
        fprintf(stderr, "vit_forward: %s\n", err.text);
    free(tap.out.data);
    hf_vit_free(&vit);
    hf_weights_close(&weights);
    hf_tensor_file_close(&file);
    hf_npy_free(&image);
    hf_backend_close(&be);
    return rc < 0;
}
