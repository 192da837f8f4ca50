/* features_picture.c - see features_picture.h. */
#include "src/cli/features_picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/png.h"
#include "src/cli/draw.h"
#include "src/pca.h"

#define TILE_PX 256 /* height of every tile */
#define GAP_PX 4
#define BACKGROUND 255
#define CUT 0.01 /* of the cells at either end of a component get the same colour */

/* What one tile shows. */
typedef struct cells {
    int      h, w;
    uint8_t *rgb; /* [h,w,3] */
} cells;

struct hf_features_picture {
    int     n_images, n_rows, row; /* row: that is being made */
    int    *widths;    /* of the tiles of an image */
    cells  *tiles;     /* [1+n_rows,n_images] */
    double *shares;    /* [n_rows] */
    float **features;  /* [n_images], of the row that is being made */
    int    *h, *w, *D; /* [n_images] */
};

int hf_features_picture_new(hf_features_picture **out, int n_images, int n_rows, hf_error *err)
{
    hf_features_picture *p = calloc(1, sizeof(*p));
    size_t n = (size_t)n_images;

    *out = NULL;
    if (p) {
        p->n_images = n_images, p->n_rows = n_rows;
        p->widths = calloc(n, sizeof(int));
        p->tiles = calloc(n * (size_t)(n_rows + 1), sizeof(cells));
        p->shares = calloc((size_t)n_rows, sizeof(double));
        p->features = calloc(n, sizeof(float *));
        p->h = calloc(n, sizeof(int)), p->w = calloc(n, sizeof(int)), p->D = calloc(n, sizeof(int));
    }
    if (!p || !p->widths || !p->tiles || !p->shares || !p->features || !p->h || !p->w || !p->D) {
        hf_features_picture_free(&p);
        return hf_fail(err, HF_ENOMEM, "picture of features: out of memory for %d images", n_images);
    }
    *out = p;
    return HF_OK;
}

static void drop_features(hf_features_picture *p)
{
    for (int i = 0; p->features && i < p->n_images; i++) {
        free(p->features[i]);
        p->features[i] = NULL;
    }
}

void hf_features_picture_free(hf_features_picture **picture)
{
    hf_features_picture *p = picture ? *picture : NULL;
    if (!p)
        return;
    drop_features(p);
    for (int i = 0; p->tiles && i < p->n_images * (p->n_rows + 1); i++)
        free(p->tiles[i].rgb);
    free(p->widths);
    free(p->tiles);
    free(p->shares);
    free(p->features);
    free(p->h);
    free(p->w);
    free(p->D);
    free(p);
    *picture = NULL;
}

/* One pixel: the mean of the part of the image that it covers. */
static void mean_of(uint8_t out[3], const hf_image *image, int x0, int x1, int y0, int y1)
{
    int64_t sum[3] = { 0 }, n = (int64_t)(x1 - x0) * (y1 - y0);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            for (int c = 0; c < 3; c++)
                sum[c] += image->rgb[3 * ((size_t)y * (size_t)image->width + (size_t)x) + (size_t)c];
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)((sum[c] + n / 2) / n);
}

/* Where tile pixel i of n begins among `size` pixels, and where the next one does. */
static void span_of(int *from, int *to, int i, int n, int size)
{
    *from = (int)((int64_t)i * size / n);
    *to = (int)((int64_t)(i + 1) * size / n);
    if (*to == *from)
        *to = *from + 1;
}

int hf_features_picture_add_image(hf_features_picture *p, int i, const hf_image *image, hf_error *err)
{
    cells *tile = &p->tiles[i];
    int width = (int)lrint((double)TILE_PX * image->width / image->height);

    p->widths[i] = tile->w = width < 1 ? 1 : width;
    tile->h = TILE_PX;
    if (!(tile->rgb = malloc((size_t)tile->w * (size_t)tile->h * 3)))
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", image->path);
    for (int y = 0; y < tile->h; y++)
        for (int x = 0; x < tile->w; x++) {
            int x0, x1, y0, y1;
            span_of(&x0, &x1, x, tile->w, image->width);
            span_of(&y0, &y1, y, tile->h, image->height);
            mean_of(tile->rgb + 3 * ((size_t)y * (size_t)tile->w + (size_t)x), image, x0, x1, y0, y1);
        }
    return HF_OK;
}

void hf_features_picture_take(hf_features_picture *p, int i, hf_description *features)
{
    const int64_t *shape = features->features.shape;
    free(p->features[i]);
    p->features[i] = features->host;
    p->h[i] = (int)shape[0], p->w[i] = (int)shape[1], p->D[i] = (int)shape[2];
    features->host = NULL;
}

/* ---- colours ---- */

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* The values between which component c is spread over 0..255. sorted: memory for n numbers. */
static void limits(float *low, float *high, float *sorted, const float *projected, int64_t n, int c)
{
    int64_t cut = (int64_t)(CUT * (double)n);
    for (int64_t i = 0; i < n; i++)
        sorted[i] = projected[3 * i + c];
    qsort(sorted, (size_t)n, sizeof(*sorted), compare_floats);
    *low = sorted[cut], *high = sorted[n - 1 - cut];
}

static uint8_t to_byte(float v, float low, float high)
{
    float t = high > low ? (v - low) / (high - low) : 0.5f;
    return (uint8_t)lrintf(255.0f * (t < 0 ? 0 : t > 1 ? 1 : t));
}

static void paint_row(hf_features_picture *p, const float *projected, const float low[3], const float high[3])
{
    for (int i = 0; i < p->n_images; i++) {
        const cells *tile = &p->tiles[(p->row + 1) * p->n_images + i];
        size_t n = (size_t)tile->h * (size_t)tile->w * 3;
        for (size_t k = 0; k < n; k++)
            tile->rgb[k] = to_byte(projected[k], low[k % 3], high[k % 3]);
        projected += n;
    }
}

static int new_row(hf_features_picture *p, hf_pca_block *blocks, int64_t *n, hf_error *err)
{
    *n = 0;
    for (int i = 0; i < p->n_images; i++) {
        cells *tile = &p->tiles[(p->row + 1) * p->n_images + i];
        tile->h = p->h[i], tile->w = p->w[i];
        blocks[i] = (hf_pca_block){ p->features[i], (int64_t)p->h[i] * p->w[i] };
        *n += blocks[i].n;
        if (!(tile->rgb = malloc((size_t)blocks[i].n * 3)))
            return hf_fail(err, HF_ENOMEM, "picture of features: out of memory for %d x %d cells", p->w[i], p->h[i]);
    }
    return HF_OK;
}

int hf_features_picture_end_row(hf_features_picture *p, hf_error *err)
{
    hf_pca_block *blocks = calloc((size_t)p->n_images, sizeof(*blocks));
    float *projected = NULL, *sorted = NULL, low[3], high[3];
    hf_pca *pca = NULL;
    int64_t n = 0, done = 0;
    int rc;

    if (!blocks) {
        rc = hf_fail(err, HF_ENOMEM, "picture of features: out of memory");
        goto end;
    }
    if ((rc = new_row(p, blocks, &n, err)) < 0 || (rc = hf_pca_new(&pca, blocks, p->n_images, p->D[0], 3, err)) < 0)
        goto end;
    projected = malloc((size_t)n * 3 * sizeof(float));
    sorted = malloc((size_t)n * sizeof(float));
    if (!projected || !sorted) {
        rc = hf_fail(err, HF_ENOMEM, "picture of features: out of memory for %lld cells", (long long)n);
        goto end;
    }
    for (int i = 0; i < p->n_images; done += blocks[i++].n)
        hf_pca_project(projected + 3 * done, pca, &blocks[i]);
    for (int c = 0; c < 3; c++)
        limits(&low[c], &high[c], sorted, projected, n, c);
    paint_row(p, projected, low, high);
    p->shares[p->row++] = pca->total > 0 ? (pca->variance[0] + pca->variance[1] + pca->variance[2]) / pca->total : 0;
    drop_features(p);
end:
    hf_pca_free(&pca);
    free(blocks);
    free(projected);
    free(sorted);
    return rc;
}

double hf_features_picture_share(const hf_features_picture *p, int row) { return p->shares[row]; }

/* ---- the picture ---- */

/* Cells as they are, without smoothing between them. */
static void lay_tile(hf_canvas *canvas, const cells *tile, int left, int top, int width)
{
    for (int y = 0; y < TILE_PX; y++)
        for (int x = 0; x < width; x++) {
            size_t from = (size_t)((int64_t)y * tile->h / TILE_PX) * (size_t)tile->w + (size_t)((int64_t)x * tile->w / width);
            memcpy(canvas->rgb + 3 * ((size_t)(top + y) * (size_t)canvas->width + (size_t)(left + x)), tile->rgb + 3 * from, 3);
        }
}

int hf_features_picture_write(const hf_features_picture *p, const char *path, hf_error *err)
{
    int64_t width = -GAP_PX, height = (int64_t)(p->row + 1) * (TILE_PX + GAP_PX) - GAP_PX;
    hf_canvas *canvas = NULL;
    int rc, left = 0;

    for (int i = 0; i < p->n_images; i++)
        width += p->widths[i] + GAP_PX;
    if (width > HF_PNG_MAX_SIDE || height > HF_PNG_MAX_SIDE || width * height > HF_PNG_MAX_PIXELS)
        return hf_fail(err, HF_EARG, "%s: %d images of %d rows make a picture of %lld x %lld pixels, which is too large", path,
                       p->n_images, p->row, (long long)width, (long long)height);
    if ((rc = hf_canvas_new(&canvas, (int)width, (int)height, BACKGROUND, err)) < 0)
        return rc;
    for (int i = 0; i < p->n_images; left += p->widths[i++] + GAP_PX)
        for (int row = 0; row <= p->row; row++)
            lay_tile(canvas, &p->tiles[row * p->n_images + i], left, row * (TILE_PX + GAP_PX), p->widths[i]);
    rc = hf_canvas_write(path, canvas, err);
    hf_canvas_free(&canvas);
    return rc;
}
