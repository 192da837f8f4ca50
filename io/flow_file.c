/* flow_file.c - see flow_file.h. */
#include "io/flow_file.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/npy.h"
#include "io/part_file.h"

#define FLO_MAGIC "PIEH"
#define FLO_UNKNOWN_ABOVE 1e9f /* Middlebury's limit; files have 1e10 */
#define FLO_UNKNOWN 1e10f

/* Host and file are both little endian; the numbers are read as they lie. */
typedef struct flo_header {
    char    magic[4];
    int32_t width, height;
} flo_header;

static int ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), k = strlen(end);
    return n > k && strcmp(path + n - k, end) == 0;
}

int hf_flow_has_name(const char *path)
{
    return ends_in(path, ".flo") || ends_in(path, ".npy");
}

/* One number that is none makes the whole displacement unknown. */
static void mark_unknown(float *flow, size_t n_pixels)
{
    for (size_t i = 0; i < n_pixels; i++) {
        float *f = flow + 2 * i;
        if (!(fabsf(f[0]) <= FLO_UNKNOWN_ABOVE && fabsf(f[1]) <= FLO_UNKNOWN_ABOVE))
            f[0] = f[1] = NAN;
    }
}

/* ---- .flo ---- */

static int read_flo(float *flow, int width, int height, FILE *file, const char *path, hf_error *err)
{
    flo_header head;
    size_t n = 2 * (size_t)width * (size_t)height;

    if (fread(&head, sizeof(head), 1, file) != 1)
        return hf_fail(err, HF_EFORMAT, "%s: too short for the header of a .flo file", path);
    if (head.width != width || head.height != height)
        return hf_fail(err, HF_EFORMAT, "%s: a field of %dx%d pixels, want %dx%d", path, head.width, head.height,
                       width, height);
    size_t got = fread(flow, sizeof(float), n, file);
    if (got < n)
        return ferror(file) ? hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno))
                            : hf_fail(err, HF_EFORMAT, "%s: ends after %zu of %zu numbers", path, got, n);
    if (fgetc(file) != EOF)
        return hf_fail(err, HF_EFORMAT, "%s: goes on after its %dx%d displacements", path, width, height);
    mark_unknown(flow, n / 2);
    return HF_OK;
}

typedef struct field {
    const float *flow;
    int          width, height;
} field;

static void write_flo(FILE *file, const void *ctx)
{
    const field *f = ctx;
    flo_header head = { .width = f->width, .height = f->height };
    size_t n = (size_t)f->width * (size_t)f->height;

    memcpy(head.magic, FLO_MAGIC, sizeof(head.magic));
    if (fwrite(&head, sizeof(head), 1, file) != 1)
        return;
    for (size_t i = 0; i < n; i++) {
        float pair[2] = { f->flow[2 * i], f->flow[2 * i + 1] };
        if (!isfinite(pair[0]) || !isfinite(pair[1]))
            pair[0] = pair[1] = FLO_UNKNOWN;
        if (fwrite(pair, sizeof(pair), 1, file) != 1)
            return;
    }
}

/* ---- .npy ---- */

static int read_npy(float *flow, int width, int height, const char *path, hf_error *err)
{
    hf_npy *npy = NULL;
    int rc = hf_npy_read(&npy, path, err);

    if (rc < 0)
        return rc;
    if (npy->n_dims != 3 || npy->shape[0] != height || npy->shape[1] != width || npy->shape[2] != 2) {
        char shape[128] = "";
        for (int d = 0; d < npy->n_dims && strlen(shape) < 100; d++)
            snprintf(shape + strlen(shape), sizeof(shape) - strlen(shape), "%s%lld", d ? "," : "",
                     (long long)npy->shape[d]);
        rc = hf_fail(err, HF_EFORMAT, "%s: an array [%s], want [%d,%d,2]: u and v of every pixel", path, shape,
                     height, width);
    } else {
        hf_npy_to_f32(flow, npy);
        mark_unknown(flow, (size_t)width * (size_t)height);
    }
    hf_npy_free(&npy);
    return rc;
}

/* ---- either ---- */

int hf_flow_read(float *flow, int width, int height, const char *path, hf_error *err)
{
    char magic[6] = "";
    FILE *file = fopen(path, "rb");
    int rc;

    if (!file)
        return hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    size_t n = fread(magic, 1, sizeof(magic), file);
    if (n == 0 && ferror(file))
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    else if (n >= 4 && memcmp(magic, FLO_MAGIC, 4) == 0)
        rewind(file), rc = read_flo(flow, width, height, file, path, err);
    else if (n == 6 && memcmp(magic, "\x93NUMPY", 6) == 0)
        rc = read_npy(flow, width, height, path, err);
    else
        rc = hf_fail(err, HF_EFORMAT, "%s: %s, want a field of displacements as .flo or .npy", path,
                     n ? "neither a .flo nor a .npy file" : "an empty file");
    fclose(file);
    return rc;
}

int hf_flow_write(const char *path, const float *flow, int width, int height, hf_error *err)
{
    field f = { flow, width, height };

    if (ends_in(path, ".npy"))
        return hf_npy_write(path, HF_ENTRY_F32, 3, (const int64_t[]){ height, width, 2 }, flow, err);
    if (!ends_in(path, ".flo"))
        return hf_fail(err, HF_EARG, "%s: a field is written as .flo or .npy", path);
    return hf_part_file_write(path, write_flo, &f, err);
}

int hf_flow_find(char *path, size_t size, const char *folder, const char *stem, hf_error *err)
{
    static const char *const ends[] = { ".flo", ".npy" };
    for (int i = 0; i < 2; i++) {
        if (snprintf(path, size, "%s/%s%s", folder, stem, ends[i]) >= (int)size)
            return hf_fail(err, HF_EARG, "%s/%s: the name is too long", folder, stem);
        if (access(path, F_OK) == 0)
            return HF_OK;
    }
    return hf_fail(err, HF_EIO, "%s: neither %s.flo nor %s.npy is there", folder, stem, stem);
}
