/* ref_classic.c - `ref`: the statistics of classic_raw.h, one plane after another. */
#include "src/ref.h"

#include "src/classic_cell.h"
#include "src/ops_check.h"

enum { N_DIR = HF_CLASSIC_DIRECTIONS };

static void fill_pixels(const hf_classic_raw *r, const uint8_t *rgb)
{
    int H = 8 * r->h, W = 8 * r->w;
    size_t half = (size_t)H * W / 4;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            r->light[(size_t)y * W + x] = hf_classic_light(hf_classic_pixel(r, rgb, y, x));
    for (int y = 0; y < H / 2; y++)
        for (int x = 0; x < W / 2; x++) {
            float *lab = r->lab + (size_t)y * (W / 2) + x;
            hf_classic_lab(lab, lab + half, lab + 2 * half, hf_classic_pixel(r, rgb, 2 * y, 2 * x),
                           hf_classic_pixel(r, rgb, 2 * y, 2 * x + 1), hf_classic_pixel(r, rgb, 2 * y + 1, 2 * x),
                           hf_classic_pixel(r, rgb, 2 * y + 1, 2 * x + 1), r->linear, r->root);
        }
}

static void fill_moments(const hf_classic_raw *r)
{
    int bh = 2 * r->h, bw = 2 * r->w;
    size_t n = (size_t)bh * bw;
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < bh; y++)
            for (int x = 0; x < bw; x++) {
                const float *p = r->lab + 4 * n * c + (size_t)2 * y * 2 * bw + 2 * x;
                float *out = r->blocks + n * (HF_CLASSIC_B_LAB + c) + (size_t)y * bw + x;
                hf_classic_moments(out, out + 3 * n, p, p + 2 * bw);
            }
}

/* Gradient energy of plane [n_rows,n], averaged over size x size places: n_dir planes. */
static void fill_gradients(float *out, const float *plane, int n_rows, int n, int size, int n_dir)
{
    int h = n_rows / size, w = n / size;
    float energy[N_DIR];
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            hf_classic_gradient(energy, plane, n_rows, n, size, n_dir, y, x);
            for (int d = 0; d < n_dir; d++)
                out[((size_t)d * h + y) * w + x] = energy[d];
        }
}

static void fill_blocks(const hf_classic_raw *r)
{
    int bh = 2 * r->h, bw = 2 * r->w;
    size_t n = (size_t)bh * bw;
    float *b = r->blocks;
    fill_moments(r);
    fill_gradients(b + n * HF_CLASSIC_B_FINE, r->light, 4 * bh, 4 * bw, 4, N_DIR);
    fill_gradients(b + n * HF_CLASSIC_B_HALF, r->lab, 2 * bh, 2 * bw, 2, N_DIR);
    fill_gradients(b + n * HF_CLASSIC_B_QUARTER, b, bh, bw, 1, N_DIR);
    for (int c = 0; c < 2; c++)
        fill_gradients(b + n * (HF_CLASSIC_B_CHROMA + c * N_DIR / 2), r->lab + 4 * n * (1 + c), 2 * bh, 2 * bw, 2, N_DIR / 2);
}

/* n_planes planes of the cells, from `from` to `to`, over wider windows. */
static void widen(const hf_classic_raw *r, int to, int from, int n_planes, int reach)
{
    size_t n = (size_t)r->h * r->w;
    for (int p = 0; p < n_planes; p++)
        for (int y = 0; y < r->h; y++)
            for (int x = 0; x < r->w; x++)
                r->cells[n * (to + p) + (size_t)y * r->w + x] =
                    hf_classic_widen(r->cells + n * (from + p), r->h, r->w, y, x, reach);
}

static void fill_cells(const hf_classic_raw *r)
{
    int h = r->h, w = r->w;
    size_t n = (size_t)h * w;
    for (int p = 0; p < HF_CLASSIC_N_BLOCK; p++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                const float *blocks = r->blocks + 4 * n * p, *row = blocks + (size_t)2 * y * 2 * w;
                float *cell = r->cells + (size_t)y * w + x;
                cell[n * (HF_CLASSIC_C_NEAR + p)] = hf_classic_near(blocks, h, w, y, x);
                if (p < 3)
                    cell[n * (HF_CLASSIC_C_BOX + p)] = hf_classic_box(row, row + 2 * w, x);
            }
    widen(r, HF_CLASSIC_C_WIDE, HF_CLASSIC_C_NEAR, HF_CLASSIC_N_BLOCK, 2);
    widen(r, HF_CLASSIC_C_BROAD, HF_CLASSIC_C_WIDE, 6, 5);
    fill_gradients(r->cells + n * HF_CLASSIC_C_COARSE, r->cells + n * (HF_CLASSIC_C_NEAR + HF_CLASSIC_B_LAB), h, w, 1, N_DIR);
    widen(r, HF_CLASSIC_C_COARSE_WIDE, HF_CLASSIC_C_COARSE, N_DIR, 2);
}

int hf_ref_classic_raw(hf_backend *be, const hf_tensor *out, const hf_tensor *rgb, const hf_classic_raw *r, hf_error *err)
{
    float *to = out->data;
    (void)be, (void)err;
    hf_check_classic_raw(out, rgb, r);
    fill_pixels(r, rgb->data);
    fill_blocks(r);
    fill_cells(r);
    for (int y = 0; y < r->h; y++)
        for (int x = 0; x < r->w; x++)
            for (int c = 0; c < r->n_channels; c++)
                *to++ = hf_classic_channel_at(r, &r->channels[c], y, x);
    return HF_OK;
}
