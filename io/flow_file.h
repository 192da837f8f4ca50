/* flow_file.h - fields of displacements in files: Middlebury .flo and NumPy .npy.
 *
 *     .flo   "PIEH", width, height (i32), then u, v (f32) of every pixel, row by row; little endian
 *     .npy   an array [H,W,2] of floats or integers (npy.h)
 *
 * Both hold, for every pixel of one picture, how far away its match in another picture is: u to the
 * right, v downward, in pixels. "No match" is NaN in memory and in .npy; in .flo it is any
 * number beyond 1e9, as Middlebury has it.
 */
#ifndef HF_IO_FLOW_FILE_H
#define HF_IO_FLOW_FILE_H

#include <stddef.h>
#include "src/error.h"

/*
 * Read the field of a picture of width x height. The kind of file is told by its content.
 *
 *   flow  f32 [H,W,2]  out: u, v; both NaN where there is no match
 *
 * HF_EIO: cannot be opened or read. HF_EFORMAT: neither kind, another size or shape than
 * wanted, cut off, or goes on after its end. HF_EUNSUPPORTED, HF_ENOMEM as hf_npy_read.
 */
int hf_flow_read(float *flow, int width, int height, const char *path, hf_error *err);

/*
 * Write `path`.part and rename; the name's ending, .flo or .npy, chooses the kind.
 * HF_EARG for another ending, HF_EIO with the system's reason, HF_ENOMEM.
 */
int hf_flow_write(const char *path, const float *flow, int width, int height, hf_error *err);

/* 1 if the name ends as hf_flow_write wants it. */
int hf_flow_has_name(const char *path);

/*
 * The file FOLDER/STEM.flo or FOLDER/STEM.npy, whichever is there (.flo first), into path[size].
 * HF_EIO if neither is; HF_EARG if the name is too long.
 */
int hf_flow_find(char *path, size_t size, const char *folder, const char *stem, hf_error *err);

#endif
