/* bench_features.c - see bench_features.h. */
#include "src/bench_features.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_SCALES 3
#define N_BINS 8
#define PER_SCALE (6 + N_BINS) /* mean and deviation of a colour, histogram */
#define PER_CELL (N_SCALES * PER_SCALE)
#define MAX_SIDE 16384

int hf_bench_read_ppm(uint8_t **rgb, int *width, int *height, const char *path, hf_error *err)
{
    FILE *file = fopen(path, "rb");
    int W, H, top, rc = HF_OK;

    *rgb = NULL;
    if (!file)
        return hf_fail(err, HF_EIO, "%s: cannot be opened", path);
    if (fscanf(file, "P6 %d %d %d", &W, &H, &top) != 3 || top != 255 || fgetc(file) == EOF || W < 8 ||
        H < 8 || W > MAX_SIDE || H > MAX_SIDE) {
        rc = hf_fail(err, HF_EFORMAT, "%s: want a binary PPM (P6) of 8 bits", path);
        goto end;
    }
    size_t bytes = (size_t)W * (size_t)H * 3;
    if (!(*rgb = malloc(bytes))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    if (fread(*rgb, 1, bytes, file) != bytes) {
        rc = hf_fail(err, HF_EFORMAT, "%s: ends too early", path);
        goto end;
    }
    *width = W;
    *height = H;
end:
    if (rc < 0) {
        free(*rgb);
        *rgb = NULL;
    }
    fclose(file);
    return rc;
}

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)((*state >> 11) + 1) * 0x1p-53;
}

void hf_bench_random(float *map, int h, int w, int D, uint64_t seed)
{
    for (int64_t i = 0; i < (int64_t)h * w * D; i++)
        map[i] = (float)(sqrt(-2 * log(uniform(&seed))) * cos(6.283185307 * uniform(&seed)));
}

/* One value of a [h,w,D] map at a place that need not be a cell; wraps around. */
static float sample(const float *map, int h, int w, int D, float y, float x, int d)
{
    int y0 = (int)floorf(y), x0 = (int)floorf(x);
    float fy = y - (float)y0, fx = x - (float)x0, sum = 0;
    for (int k = 0; k < 4; k++) {
        int cy = ((y0 + k / 2) % h + h) % h, cx = ((x0 + k % 2) % w + w) % w;
        sum += (k / 2 ? fy : 1 - fy) * (k % 2 ? fx : 1 - fx) * map[((int64_t)cy * w + cx) * D + d];
    }
    return sum;
}

int hf_bench_smooth(float *map, int h, int w, int D, int radius, float dy, float dx, uint64_t seed,
                    hf_error *err)
{
    size_t bytes = (size_t)h * (size_t)w * (size_t)D * sizeof(float);
    float *noise = malloc(bytes), *rows = calloc(1, bytes);
    if (!noise || !rows) {
        free(noise), free(rows);
        return hf_fail(err, HF_ENOMEM, "bench: out of memory");
    }
    hf_bench_random(noise, h, w, D, seed);
    for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) for (int r = -radius; r <= radius; r++)
        for (int d = 0; d < D; d++)
            rows[((int64_t)y * w + x) * D + d] +=
                noise[((int64_t)y * w + (x + r + 8 * w) % w) * D + d] * (float)(radius + 1 - abs(r));
    memset(noise, 0, bytes);
    for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) for (int r = -radius; r <= radius; r++)
        for (int d = 0; d < D; d++)
            noise[((int64_t)y * w + x) * D + d] +=
                rows[((int64_t)((y + r + 8 * h) % h) * w + x) * D + d] * (float)(radius + 1 - abs(r));
    for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) for (int d = 0; d < D; d++)
        map[((int64_t)y * w + x) * D + d] = sample(noise, h, w, D, (float)y + dy, (float)x + dx, d);
    free(noise), free(rows);
    return HF_OK;
}

/* out [PER_SCALE] over a window of `size` pixels around (cy, cx): colours around mid gray, deviations,
 * a histogram of gradient directions; each part of length about 1. */
static void window_statistics(float *out, const uint8_t *rgb, int W, int H, float cy, float cx,
                              float size)
{
    double sum[3] = { 0 }, square[3] = { 0 }, bins[N_BINS] = { 0 }, total = 1e-3;
    int n = 0, y0 = (int)fmaxf(1, cy - size / 2), x0 = (int)fmaxf(1, cx - size / 2);
    int y1 = (int)fminf((float)H - 1, cy + size / 2), x1 = (int)fminf((float)W - 1, cx + size / 2);
    for (int y = y0; y < y1; y++) for (int x = x0; x < x1; x++, n++) {
        const uint8_t *v = rgb + ((int64_t)y * W + x) * 3;
        double gx = v[4] - v[-2], gy = v[1 + 3 * W] - v[1 - 3 * W], length = hypot(gx, gy);
        for (int c = 0; c < 3; c++) {
            sum[c] += v[c] / 255.;
            square[c] += v[c] / 255. * v[c] / 255.;
        }
        bins[(int)((atan2(gy, gx) + 3.15) / 6.31 * N_BINS) % N_BINS] += length;
        total += length;
    }
    n = n > 0 ? n : 1;
    for (int c = 0; c < 3; c++) {
        out[c] = (float)(2 * (sum[c] / n - 0.5));
        out[3 + c] = (float)(3 * sqrt(fmax(0, square[c] / n - sum[c] / n * sum[c] / n)));
    }
    for (int b = 0; b < N_BINS; b++)
        out[6 + b] = (float)sqrt(bins[b] / total);
}

int hf_bench_statistics(float *map, int h, int w, int D, const uint8_t *rgb, int W, int H,
                        hf_error *err)
{
    float *cells = malloc((size_t)h * (size_t)w * PER_CELL * sizeof(float));
    if (!cells)
        return hf_fail(err, HF_ENOMEM, "bench: out of memory");
    float step_y = (float)H / (float)h, step_x = (float)W / (float)w;
#pragma omp parallel for
    for (int i = 0; i < h * w; i++)
        for (int s = 0; s < N_SCALES; s++)
            window_statistics(cells + i * PER_CELL + s * PER_SCALE, rgb, W, H,
                              ((float)(i / w) + 0.5f) * step_y, ((float)(i % w) + 0.5f) * step_x,
                              step_y * (float)(1 << s));
    memset(map, 0, (size_t)h * (size_t)w * (size_t)D * sizeof(float));
    for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) for (int k = 0; k < 9; k++) {
        /* The cell itself comes first, so that a small D has it. */
        int place = (k + 4) % 9, at_y = y + place / 3 - 1, at_x = x + place % 3 - 1;
        at_y = at_y < 0 ? 0 : at_y >= h ? h - 1 : at_y;
        at_x = at_x < 0 ? 0 : at_x >= w ? w - 1 : at_x;
        for (int c = 0; c < PER_CELL && k * PER_CELL + c < D; c++)
            map[((int64_t)y * w + x) * D + k * PER_CELL + c] =
                cells[((int64_t)at_y * w + at_x) * PER_CELL + c];
    }
    free(cells);
    return HF_OK;
}
