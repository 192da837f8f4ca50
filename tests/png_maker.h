/* png_maker.h - PNG files byte by byte, so that a test can break any of them.
 *
 * Data is stored without compression; nothing of libpng or io/ is used.
 */
#ifndef HF_TESTS_PNG_MAKER_H
#define HF_TESTS_PNG_MAKER_H

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct bytes {
    uint8_t data[1 << 20];
    size_t  n;
} bytes;

enum { GRAY = 0, RGB = 2, PALETTE = 3, GRAY_ALPHA = 4, RGBA = 6 }; /* colour types of the format */

static inline void put(bytes *b, const void *data, size_t n)
{
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static inline void put_32(bytes *b, uint32_t v)
{
    uint8_t p[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
    put(b, p, 4);
}

static inline uint32_t crc_of(const uint8_t *p, size_t n)
{
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}

static inline void put_chunk(bytes *b, const char *type, const void *data, size_t n)
{
    put_32(b, (uint32_t)n);
    size_t from = b->n;
    put(b, type, 4);
    if (n)
        put(b, data, n);
    put_32(b, crc_of(b->data + from, n + 4));
}

static inline void put_head(bytes *b, uint32_t width, uint32_t height, int bits, int type)
{
    uint8_t d[13] = { (uint8_t)(width >> 24), (uint8_t)(width >> 16), (uint8_t)(width >> 8), (uint8_t)width,
                      (uint8_t)(height >> 24), (uint8_t)(height >> 16), (uint8_t)(height >> 8),
                      (uint8_t)height, (uint8_t)bits, (uint8_t)type, 0, 0, 0 };
    put(b, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(b, "IHDR", d, 13);
}

/* rows: height rows of row_bytes, as the format packs them, without filter bytes. */
static inline void put_pixels(bytes *b, const uint8_t *rows, size_t row_bytes, int height)
{
    static bytes z; /* one test a process */
    uint32_t s1 = 1, s2 = 0;
    z.n = 0;
    put(&z, "\x78\x01", 2);
    for (int y = 0; y < height; y++) {
        uint16_t n = (uint16_t)(row_bytes + 1);
        uint8_t block[6] = { y == height - 1, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)~n, (uint8_t)(~n >> 8), 0 };
        put(&z, block, 6); /* the last byte is the row's filter: none */
        put(&z, rows + (size_t)y * row_bytes, row_bytes);
        for (size_t i = 0; i <= row_bytes; i++) {
            s1 = (s1 + (i ? rows[(size_t)y * row_bytes + i - 1] : 0)) % 65521;
            s2 = (s2 + s1) % 65521;
        }
    }
    put_32(&z, s2 << 16 | s1);
    put_chunk(b, "IDAT", z.data, z.n);
}

static inline void put_end(bytes *b)
{
    put_chunk(b, "IEND", NULL, 0);
}

/* A path in a fresh folder under TMPDIR, removed by the system's own cleaning; static storage, one a call. */
static inline const char *temp_path(const char *name)
{
    static char paths[16][256], folder[128];
    static int n;
    if (!folder[0]) {
        snprintf(folder, sizeof(folder), "%s/hfprop-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
        cr_assert(mkdtemp(folder));
    }
    snprintf(paths[n % 16], sizeof(paths[0]), "%s/%s", folder, name);
    return paths[n++ % 16];
}

static inline const char *write_file(const char *name, const void *data, size_t n)
{
    const char *path = temp_path(name);
    FILE *file = fopen(path, "wb");
    cr_assert(file && fwrite(data, 1, n, file) == n && !fclose(file));
    return path;
}

/* A whole file of one IDAT; palette and alpha may be NULL. */
static inline const char *write_png(const char *name, int width, int height, int bits, int type,
                                    const uint8_t *rows, size_t row_bytes, const uint8_t *palette,
                                    int n_palette, const uint8_t *alpha, int n_alpha)
{
    static bytes b;
    b.n = 0;
    put_head(&b, (uint32_t)width, (uint32_t)height, bits, type);
    if (palette)
        put_chunk(&b, "PLTE", palette, 3 * (size_t)n_palette);
    if (alpha)
        put_chunk(&b, "tRNS", alpha, (size_t)n_alpha);
    put_pixels(&b, rows, row_bytes, height);
    put_end(&b);
    return write_file(name, b.data, b.n);
}

#endif
