/* davis_tree.h - small DAVIS trees in a temporary folder, for tests.
 *
 * Masks are 8 x 8 and drawn as text: '.' is id 0, a digit is that id, 'V' is 255.
 */
#ifndef HF_TESTS_DAVIS_TREE_H
#define HF_TESTS_DAVIS_TREE_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/png.h"

static char tree_root[64]; /* of the running test; Criterion gives each its own process */

static inline void tree_make(void)
{
    strcpy(tree_root, "/tmp/hfprop-tree-XXXXXX");
    cr_assert_not_null(mkdtemp(tree_root));
}

static inline int tree_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static inline void tree_remove(void)
{
    nftw(tree_root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ROOT/format...; the text is valid until the fourth call after this one. */
static inline const char *tree_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *tree_path(const char *format, ...)
{
    static char paths[4][512];
    static int  next;
    char *path = paths[next++ % 4];
    va_list arguments;
    int n = sprintf(path, "%s/", tree_root);

    va_start(arguments, format);
    vsnprintf(path + n, sizeof(paths[0]) - (size_t)n, format, arguments);
    va_end(arguments);
    return path;
}

/* Make the folders above a file. */
static inline void tree_parents(const char *path)
{
    char folder[512];

    snprintf(folder, sizeof(folder), "%s", path);
    for (char *c = folder + 1; *c; c++) {
        if (*c == '/') {
            *c = 0;
            mkdir(folder, 0777);
            *c = '/';
        }
    }
}

static inline void tree_text(const char *path, const char *text)
{
    tree_parents(path);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static inline void tree_png(const char *path, hf_png_kind kind, int bits, int width, int height,
                            const void *pixels)
{
    hf_png png = { .width = width, .height = height, .kind = kind, .bits = bits, .pixels = (void *)pixels,
                   .n_palette = kind == HF_PNG_PALETTE ? 256 : 0 };
    hf_error err = { 0 };

    for (int i = 0; i < 256; i++)
        memset(png.palette[i], i, 3);
    tree_parents(path);
    cr_assert_eq(hf_png_write(path, &png, &err), HF_OK, "%s", err.text);
}

static inline void tree_mask(const char *path, const char *picture)
{
    uint8_t ids[64];

    cr_assert_eq(strlen(picture), 64);
    for (int i = 0; i < 64; i++)
        ids[i] = picture[i] == '.' ? 0 : picture[i] == 'V' ? 255 : (uint8_t)(picture[i] - '0');
    tree_png(path, HF_PNG_PALETTE, 8, 8, 8, ids);
}

#endif
