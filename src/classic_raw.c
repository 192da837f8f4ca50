/* classic_raw.c - tables and memory of classic_raw.h. */
#include "src/classic_raw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_DIR HF_CLASSIC_DIRECTIONS
#define N_ARRAYS 8
#define ALIGNMENT 64

#define BOX HF_CLASSIC_C_BOX
#define NEAR(plane) (HF_CLASSIC_C_NEAR + HF_CLASSIC_B_##plane)
#define WIDE(plane) (HF_CLASSIC_C_WIDE + HF_CLASSIC_B_##plane)
#define PLAIN HF_CLASSIC_READ_PLAIN
#define ROOT HF_CLASSIC_READ_ROOT
#define SPREAD HF_CLASSIC_READ_SPREAD

/* A group of channels: n planes from `plane` on, read at each of the places of `layout`. */
typedef struct group {
    int         plane, n, read;
    const int (*layout)[2]; /* dx, dy in cells */
    int         n_layout;
} group;

static const int here[1][2] = { { 0, 0 } };
static const int ring[9][2] = { { 0, 0 }, { -1, 0 }, { 1, 0 }, { 0, -1 }, { 0, 1 },
                                { -1, -1 }, { 1, -1 }, { -1, 1 }, { 1, 1 } };
static const int cross[5][2] = { { 0, 0 }, { -1, -1 }, { 1, -1 }, { -1, 1 }, { 1, 1 } };
static const int far_ring[4][2] = { { -3, 0 }, { 3, 0 }, { 0, -3 }, { 0, 3 } };

static const group groups[] = {
    { BOX, 3, PLAIN, ring, 9 },
    { NEAR(LAB), 3, PLAIN, here, 1 },
    { NEAR(LAB), 3, SPREAD, here, 1 },
    { WIDE(LAB), 3, PLAIN, here, 1 },
    { WIDE(LAB), 3, SPREAD, here, 1 },
    { WIDE(LAB), 3, PLAIN, far_ring, 4 },
    { HF_CLASSIC_C_BROAD, 3, PLAIN, here, 1 },
    { HF_CLASSIC_C_BROAD, 3, SPREAD, here, 1 },
    { NEAR(FINE), N_DIR, ROOT, here, 1 },
    { WIDE(FINE), N_DIR, ROOT, here, 1 },
    { NEAR(HALF), N_DIR, ROOT, cross, 5 },
    { WIDE(HALF), N_DIR, ROOT, here, 1 },
    { NEAR(QUARTER), N_DIR, ROOT, cross, 5 },
    { WIDE(QUARTER), N_DIR, ROOT, here, 1 },
    { NEAR(CHROMA), N_DIR, ROOT, here, 1 },
    { WIDE(CHROMA), N_DIR, ROOT, here, 1 },
    { HF_CLASSIC_C_COARSE, N_DIR, ROOT, here, 1 },
    { HF_CLASSIC_C_COARSE_WIDE, N_DIR, ROOT, here, 1 },
};
#define N_GROUPS ((int)(sizeof(groups) / sizeof(groups[0])))

static int count_channels(void)
{
    int n = 0;
    for (int g = 0; g < N_GROUPS; g++)
        n += groups[g].n * groups[g].n_layout;
    return n;
}

static void fill_channels(hf_classic_channel *channel)
{
    for (int g = 0; g < N_GROUPS; g++)
    for (int l = 0; l < groups[g].n_layout; l++)
    for (int i = 0; i < groups[g].n; i++)
        *channel++ = (hf_classic_channel){ (int16_t)(groups[g].plane + i), (int16_t)groups[g].read,
                                           (int16_t)groups[g].layout[l][0], (int16_t)groups[g].layout[l][1] };
}

/* CIE Lab's f(t), 0..1 in. */
static double lab_root(double t)
{
    return t > 216.0 / 24389 ? cbrt(t) : (24389.0 / 27 * t + 16) / 116;
}

static void fill_light(float linear[256], float root[HF_CLASSIC_ROOTS + 1])
{
    for (int i = 0; i < 256; i++) {
        double c = i / 255.0;
        linear[i] = (float)(c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
    }
    for (int i = 0; i <= HF_CLASSIC_ROOTS; i++)
        root[i] = (float)lab_root((double)i / HF_CLASSIC_ROOTS);
}

/* Where each array begins in the block, tables first; at [N_ARRAYS], where the block ends. */
typedef struct plan {
    size_t at[N_ARRAYS + 1];
} plan;

static plan plan_of(int width, int height)
{
    size_t h = (size_t)(height + HF_CLASSIC_STRIDE - 1) / HF_CLASSIC_STRIDE;
    size_t w = (size_t)(width + HF_CLASSIC_STRIDE - 1) / HF_CLASSIC_STRIDE, cells = h * w;
    const size_t bytes[N_ARRAYS] = {
        sizeof(hf_classic_channel) * (size_t)count_channels(), sizeof(float) * 256, sizeof(float) * (HF_CLASSIC_ROOTS + 1),
        sizeof(float) * 64 * cells, sizeof(float) * 3 * 16 * cells, sizeof(float) * HF_CLASSIC_N_BLOCK * 4 * cells,
        sizeof(float) * HF_CLASSIC_N_CELL * cells, sizeof(float) * HF_CLASSIC_N_BLOCK * 2 * cells,
    };
    plan p = { { 0 } };
    for (int i = 0; i < N_ARRAYS; i++)
        p.at[i + 1] = p.at[i] + (bytes[i] + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return p;
}

#define N_TABLES 3

int64_t hf_classic_raw_bytes(int width, int height, int *n_channels)
{
    *n_channels = count_channels();
    return (int64_t)sizeof(hf_classic_raw) + (int64_t)plan_of(width, height).at[N_ARRAYS];
}

static int write_tables(hf_classic_raw *r, const plan *p, hf_error *err)
{
    hf_tensor to = hf_tensor_view(r->memory, HF_U8, 1, (int64_t)p->at[N_TABLES]);
    char *host = calloc(1, p->at[N_TABLES]);
    int rc;
    if (!host)
        return hf_fail(err, HF_ENOMEM, "classic: out of memory");
    fill_channels((hf_classic_channel *)host);
    fill_light((float *)(host + p->at[1]), (float *)(host + p->at[2]));
    if ((rc = r->be->ops.write(r->be, &to, host, err)) >= 0)
        rc = r->be->ops.sync(r->be, err);
    free(host);
    return rc;
}

static void set_arrays(hf_classic_raw *r, const plan *p)
{
    char *memory = r->memory;
    r->channels = (const hf_classic_channel *)memory;
    r->linear = (const float *)(memory + p->at[1]);
    r->root = (const float *)(memory + p->at[2]);
    r->light = (float *)(memory + p->at[3]);
    r->lab = (float *)(memory + p->at[4]);
    r->blocks = (float *)(memory + p->at[5]);
    r->cells = (float *)(memory + p->at[6]);
    r->scratch = (float *)(memory + p->at[7]);
}

int hf_classic_raw_new(hf_classic_raw **out, hf_backend *be, int width, int height, hf_error *err)
{
    hf_classic_raw *r = NULL;
    int rc = HF_OK;

    *out = NULL;
    if (width < 1 || height < 1)
        return hf_fail(err, HF_EARG, "classic: picture of %d x %d pixels, want 1 x 1 or more",
                       width, height);
    if (!(r = calloc(1, sizeof(*r))))
        return hf_fail(err, HF_ENOMEM, "classic: out of memory");
    plan p = plan_of(width, height);
    r->be = be;
    r->width = width, r->height = height;
    r->h = (height + HF_CLASSIC_STRIDE - 1) / HF_CLASSIC_STRIDE;
    r->w = (width + HF_CLASSIC_STRIDE - 1) / HF_CLASSIC_STRIDE;
    r->n_channels = count_channels();
    if (!(r->memory = be->ops.alloc(be, p.at[N_ARRAYS]))) {
        rc = hf_fail(err, HF_ENOMEM, "classic: out of memory for %d x %d pixels; a smaller --size needs less", width, height);
        goto end;
    }
    set_arrays(r, &p);
    if ((rc = write_tables(r, &p, err)) < 0)
        goto end;
    *out = r;
    r = NULL;
end:
    hf_classic_raw_free(&r);
    return rc;
}

void hf_classic_raw_free(hf_classic_raw **raw)
{
    if (!raw || !*raw)
        return;
    (*raw)->be->ops.free((*raw)->be, (*raw)->memory);
    free(*raw);
    *raw = NULL;
}
