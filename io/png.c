/* png.c - see png.h.
 *
 * libpng reports errors by longjmp. Everything a read or a write holds lives in
 * one struct of the caller, the libpng calls live in step functions, and setjmp
 * is in the one place that runs a step: no local variable is ever in doubt.
 */
#include "io/png.h"

#include <errno.h>
#include <limits.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 33 /* signature and IHDR: enough to name the file's kind and size */
#define CHUNK_MAX_BYTES (8 << 20) /* of an ancillary chunk: profiles and texts are not needed here */

typedef struct reader {
    FILE       *file;
    const char *path;
    png_structp png;
    png_infop   info;
    hf_png     *image;
    uint8_t     head[HEAD_BYTES];
    size_t      head_used;
    char        message[160]; /* of libpng, or of the system */
    int         status;
} reader;

typedef struct writer {
    FILE         *file;
    png_structp   png;
    png_infop     info;
    const hf_png *image;
    char          message[160];
} writer;

int hf_png_channels(hf_png_kind kind)
{
    static const int channels[] = { 1, 2, 1, 3, 4 };
    return channels[kind];
}

void hf_png_free(hf_png **png)
{
    if (!*png)
        return;
    free((*png)->pixels);
    free(*png);
    *png = NULL;
}

static int little_endian(void)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

/* ---- reading ---- */

static void read_failed(png_structp png, png_const_charp message)
{
    reader *r = png_get_error_ptr(png);
    if (!r->message[0])
        snprintf(r->message, sizeof(r->message), "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

/* Warnings are about chunks that are not needed here. */
static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep data, size_t size)
{
    reader *r = png_get_io_ptr(png);
    size_t from_head = HEAD_BYTES - r->head_used;
    if (from_head > size)
        from_head = size;
    memcpy(data, r->head + r->head_used, from_head);
    r->head_used += from_head;
    if (fread(data + from_head, 1, size - from_head, r->file) == size - from_head)
        return;
    if (ferror(r->file)) {
        r->status = HF_EIO;
        png_error(png, strerror(errno));
    }
    png_error(png, "the file ends early");
}

/* What a file is that is not a PNG, for the message; NULL if unknown. */
static const char *known_type(const uint8_t *head, size_t n)
{
    static const struct {
        const char *bytes, *name;
        size_t      n;
    } types[] = {
        { "\xff\xd8\xff", "a JPEG", 3 }, { "GIF8", "a GIF", 4 },        { "BM", "a BMP", 2 },
        { "II*\0", "a TIFF", 4 },        { "MM\0*", "a TIFF", 4 },      { "RIFF", "a WebP or AVI", 4 },
        { "\x76\x2f\x31\x01", "an OpenEXR", 4 }, { "8BPS", "a Photoshop", 4 },
        { "P5\n", "a PGM", 3 },          { "P6\n", "a PPM", 3 },        { "PK\3\4", "a zip", 4 },
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (n >= types[i].n && !memcmp(head, types[i].bytes, types[i].n))
            return types[i].name;
    if (n >= 12 && !memcmp(head + 4, "ftyp", 4))
        return "an MP4, HEIF or AVIF";
    return NULL;
}

static uint32_t big_endian_32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The size is checked before libpng sees the file, so that nothing is allocated for a lie. */
static int check_head(const reader *r, size_t n, hf_error *err)
{
    static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    if (n == 0)
        return hf_fail(err, HF_EFORMAT, "%s: empty file, want a PNG image", r->path);
    if (n < 8 || memcmp(r->head, signature, 8)) {
        const char *type = known_type(r->head, n);
        if (type)
            return hf_fail(err, HF_EFORMAT, "%s: this is %s file, want a PNG: save it as PNG, "
                           "which keeps every value as drawn", r->path, type);
        return hf_fail(err, HF_EFORMAT, "%s: not a PNG image: save it as PNG", r->path);
    }
    if (n < HEAD_BYTES || memcmp(r->head + 12, "IHDR", 4))
        return hf_fail(err, HF_EFORMAT, "%s: broken PNG: no image header", r->path);
    uint32_t width = big_endian_32(r->head + 16), height = big_endian_32(r->head + 20);
    if (width == 0 || height == 0)
        return hf_fail(err, HF_EFORMAT, "%s: broken PNG: %u x %u pixels", r->path, width, height);
    if (width > HF_PNG_MAX_SIDE || height > HF_PNG_MAX_SIDE ||
        (uint64_t)width * height > HF_PNG_MAX_PIXELS)
        return hf_fail(err, HF_EUNSUPPORTED, "%s: %u x %u pixels, want at most %d in all", r->path,
                       width, height, HF_PNG_MAX_PIXELS);
    return HF_OK;
}

static void read_palette(reader *r)
{
    hf_png *image = r->image;
    png_colorp colors;
    int n = 0;
    if (!png_get_PLTE(r->png, r->info, &colors, &n))
        png_error(r->png, "it has no palette");
    image->n_palette = n;
    for (int i = 0; i < n; i++) {
        image->palette[i][0] = colors[i].red;
        image->palette[i][1] = colors[i].green;
        image->palette[i][2] = colors[i].blue;
    }
}

static void read_transparency(reader *r)
{
    hf_png *image = r->image;
    png_bytep alpha = NULL;
    png_color_16p key = NULL;
    int n = 0;
    memset(image->alpha, 255, sizeof(image->alpha));
    if (!png_get_tRNS(r->png, r->info, &alpha, &n, &key))
        return;
    if (image->kind == HF_PNG_PALETTE) {
        image->n_alpha = n;
        memcpy(image->alpha, alpha, (size_t)n);
        return;
    }
    image->has_key = 1;
    image->key[0] = image->kind == HF_PNG_GRAY ? key->gray : key->red;
    image->key[1] = key->green;
    image->key[2] = key->blue;
}

static hf_png_kind kind_of(int color_type)
{
    switch (color_type) {
    case PNG_COLOR_TYPE_GRAY:       return HF_PNG_GRAY;
    case PNG_COLOR_TYPE_GRAY_ALPHA: return HF_PNG_GRAY_ALPHA;
    case PNG_COLOR_TYPE_PALETTE:    return HF_PNG_PALETTE;
    case PNG_COLOR_TYPE_RGB:        return HF_PNG_RGB;
    default:                        return HF_PNG_RGBA;
    }
}

static void read_header(reader *r)
{
    hf_png *image = r->image;
    png_set_read_fn(r->png, r, read_bytes);
    png_set_user_limits(r->png, HF_PNG_MAX_SIDE, HF_PNG_MAX_SIDE);
    png_set_chunk_malloc_max(r->png, CHUNK_MAX_BYTES);
    png_set_chunk_cache_max(r->png, 64);
    png_set_check_for_invalid_index(r->png, 0); /* checked below, with a better text */
    png_read_info(r->png, r->info);
    image->width = (int)png_get_image_width(r->png, r->info);
    image->height = (int)png_get_image_height(r->png, r->info);
    image->bits = png_get_bit_depth(r->png, r->info);
    image->kind = kind_of(png_get_color_type(r->png, r->info));
    if (image->kind == HF_PNG_PALETTE)
        read_palette(r);
    read_transparency(r);
}

static size_t row_bytes(const hf_png *image)
{
    return (size_t)image->width * (size_t)hf_png_channels(image->kind) * (image->bits == 16 ? 2 : 1);
}

static void read_pixels(reader *r)
{
    hf_png *image = r->image;
    png_set_packing(r->png);
    if (image->bits == 16 && little_endian())
        png_set_swap(r->png);
    int n_passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    for (int pass = 0; pass < n_passes; pass++)
        for (int y = 0; y < image->height; y++)
            png_read_row(r->png, (uint8_t *)image->pixels + (size_t)y * row_bytes(image), NULL);
    png_read_end(r->png, NULL);
}

static int run_read(reader *r, void (*step)(reader *), hf_error *err)
{
    if (setjmp(png_jmpbuf(r->png)))
        return r->status == HF_EIO
            ? hf_fail(err, HF_EIO, "%s: %s", r->path, r->message)
            : hf_fail(err, HF_EFORMAT, "%s: broken PNG: %s", r->path, r->message);
    step(r);
    return HF_OK;
}

static int check_indices(const reader *r, hf_error *err)
{
    const hf_png *image = r->image;
    const uint8_t *index = image->pixels;
    size_t n = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < n; i++)
        if (index[i] >= image->n_palette)
            return hf_fail(err, HF_EFORMAT,
                           "%s: broken PNG: palette index %d at x %zu, y %zu, but the palette has %d entries",
                           r->path, index[i], i % (size_t)image->width, i / (size_t)image->width,
                           image->n_palette);
    return HF_OK;
}

static int open_file(reader *r, hf_error *err)
{
    struct stat st;
    if (!(r->file = fopen(r->path, "rb")))
        return hf_fail(err, HF_EIO, "%s: %s", r->path, strerror(errno));
    if (!fstat(fileno(r->file), &st) && S_ISDIR(st.st_mode))
        return hf_fail(err, HF_EIO, "%s: is a folder, want a PNG file", r->path);
    size_t n = fread(r->head, 1, HEAD_BYTES, r->file);
    if (ferror(r->file))
        return hf_fail(err, HF_EIO, "%s: %s", r->path, strerror(errno));
    return check_head(r, n, err);
}

int hf_png_read(hf_png **out, const char *path, hf_error *err)
{
    reader r = { .path = path, .status = HF_EFORMAT };
    int rc;

    *out = NULL;
    if ((rc = open_file(&r, err)) < 0)
        goto end;
    if (!(r.image = calloc(1, sizeof(*r.image))) ||
        !(r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, read_failed, ignore_warning)) ||
        !(r.info = png_create_info_struct(r.png))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    if ((rc = run_read(&r, read_header, err)) < 0)
        goto end;
    if (!(r.image->pixels = malloc(row_bytes(r.image) * (size_t)r.image->height))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for %d x %d pixels", path, r.image->width,
                     r.image->height);
        goto end;
    }
    if ((rc = run_read(&r, read_pixels, err)) < 0)
        goto end;
    if (r.image->kind == HF_PNG_PALETTE && (rc = check_indices(&r, err)) < 0)
        goto end;
    *out = r.image;
    r.image = NULL;
end:
    png_destroy_read_struct(r.png ? &r.png : NULL, r.info ? &r.info : NULL, NULL);
    if (r.file)
        fclose(r.file);
    hf_png_free(&r.image);
    return rc;
}

/* ---- writing ---- */

static void write_failed(png_structp png, png_const_charp message)
{
    writer *w = png_get_error_ptr(png);
    if (!w->message[0])
        snprintf(w->message, sizeof(w->message), "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void write_bytes(png_structp png, png_bytep data, size_t size)
{
    writer *w = png_get_io_ptr(png);
    if (fwrite(data, 1, size, w->file) != size)
        png_error(png, strerror(errno));
}

static void flush_bytes(png_structp png)
{
    (void)png; /* the file is flushed, and checked, when it is closed */
}

static void write_palette(writer *w)
{
    const hf_png *image = w->image;
    png_color colors[256];
    for (int i = 0; i < image->n_palette; i++) {
        colors[i].red = image->palette[i][0];
        colors[i].green = image->palette[i][1];
        colors[i].blue = image->palette[i][2];
    }
    png_set_PLTE(w->png, w->info, colors, image->n_palette);
    if (image->n_alpha > 0)
        png_set_tRNS(w->png, w->info, image->alpha, image->n_alpha, NULL);
}

static void write_image(writer *w)
{
    static const int color_types[] = { PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                       PNG_COLOR_TYPE_PALETTE, PNG_COLOR_TYPE_RGB,
                                       PNG_COLOR_TYPE_RGB_ALPHA };
    const hf_png *image = w->image;
    png_set_write_fn(w->png, w, write_bytes, flush_bytes);
    png_set_IHDR(w->png, w->info, (png_uint_32)image->width, (png_uint_32)image->height, image->bits,
                 color_types[image->kind], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    /* One file a frame: level 3 costs a third of the default and loses a few per cent. */
    png_set_compression_level(w->png, 3);
    png_set_filter(w->png, 0, image->kind == HF_PNG_PALETTE ? PNG_FILTER_NONE : PNG_FILTER_UP);
    if (image->kind == HF_PNG_PALETTE)
        write_palette(w);
    png_write_info(w->png, w->info);
    if (image->bits == 16 && little_endian())
        png_set_swap(w->png);
    for (int y = 0; y < image->height; y++)
        png_write_row(w->png, (png_const_bytep)image->pixels + (size_t)y * row_bytes(image));
    png_write_end(w->png, NULL);
}

static int run_write(writer *w, const char *path, hf_error *err)
{
    w->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, w, write_failed, ignore_warning);
    w->info = w->png ? png_create_info_struct(w->png) : NULL;
    if (!w->info)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    if (setjmp(png_jmpbuf(w->png)))
        return hf_fail(err, HF_EIO, "%s: %s", path, w->message);
    write_image(w);
    return HF_OK;
}

static int check_image(const char *path, const hf_png *image, hf_error *err)
{
    int bits_ok = image->bits == 8 || (image->bits == 16 && image->kind != HF_PNG_PALETTE);
    int palette_ok = image->kind != HF_PNG_PALETTE ||
        (image->n_palette >= 1 && image->n_palette <= 256 && image->n_alpha <= image->n_palette);
    if (image->width < 1 || image->height < 1 || !image->pixels || !bits_ok || !palette_ok)
        return hf_fail(err, HF_EARG, "%s: PNG of %d x %d, %d bits, %d palette entries cannot be written",
                       path, image->width, image->height, image->bits, image->n_palette);
    return HF_OK;
}

int hf_png_write(const char *path, const hf_png *image, hf_error *err)
{
    writer w = { .image = image };
    char part[PATH_MAX];
    int rc;

    if ((rc = check_image(path, image, err)) < 0)
        return rc;
    if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
        return hf_fail(err, HF_EIO, "%s: the name is too long", path);
    if (!(w.file = fopen(part, "wb")))
        return hf_fail(err, HF_EIO, "%s: %s", part, strerror(errno));
    rc = run_write(&w, path, err);
    png_destroy_write_struct(w.png ? &w.png : NULL, w.info ? &w.info : NULL);
    /* A full disk may show only when the last buffer goes out. */
    if (fclose(w.file) && rc == HF_OK)
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (rc == HF_OK && rename(part, path))
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (rc < 0)
        unlink(part);
    return rc;
}

/* ---- conversion ---- */

/* Sample i of the pixels, and the same spread over 0..255. */
static uint16_t sample(const hf_png *png, size_t i)
{
    return png->bits == 16 ? ((const uint16_t *)png->pixels)[i] : ((const uint8_t *)png->pixels)[i];
}

static uint8_t to_8_bits(const hf_png *png, uint16_t v)
{
    unsigned max = (1u << png->bits) - 1;
    return (uint8_t)((v * 255u + max / 2) / max);
}

int hf_png_has_alpha(const hf_png *png)
{
    if (png->kind == HF_PNG_PALETTE) {
        for (int i = 0; i < png->n_alpha; i++)
            if (png->alpha[i] < 255)
                return 1;
        return 0;
    }
    return png->kind == HF_PNG_RGBA || png->kind == HF_PNG_GRAY_ALPHA || png->has_key;
}

static void pixel_to_rgba(uint8_t rgba[4], const hf_png *png, size_t pixel)
{
    int n = hf_png_channels(png->kind), n_color = n >= 3 ? 3 : 1;
    size_t i = pixel * (size_t)n;
    if (png->kind == HF_PNG_PALETTE) {
        uint16_t index = sample(png, i);
        memcpy(rgba, png->palette[index], 3);
        rgba[3] = png->alpha[index];
        return;
    }
    int is_key = png->has_key;
    for (int c = 0; c < 3; c++) {
        uint16_t v = sample(png, i + (size_t)(c % n_color));
        rgba[c] = to_8_bits(png, v);
        is_key = is_key && v == png->key[c % n_color];
    }
    rgba[3] = n % 2 == 0 ? to_8_bits(png, sample(png, i + (size_t)n - 1)) : is_key ? 0 : 255;
}

void hf_png_to_rgba(uint8_t *rgba, const hf_png *png)
{
    size_t n = (size_t)png->width * (size_t)png->height;
    for (size_t i = 0; i < n; i++)
        pixel_to_rgba(rgba + 4 * i, png, i);
}
