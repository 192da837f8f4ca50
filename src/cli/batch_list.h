/* batch_list.h - the runs of `hfprop batch`: from a list, or from a folder.
 *
 * List: a line is what would follow `hfprop run`, taken apart as in a shell (words.h):
 *
 *     # comment
 *     shots/a.mp4 --mask shots/a.png
 *     "shots/b 2.mov" --mask 0=b0.png --mask 120=b1.png --match first -o b.mov
 *
 * Folder: every video in it, by the ending of its name, and every folder of images, that has a drawing beside it:
 *
 *     NAME.png, NAME.mask.png      mask of the first frame        NAME.mask.N.png    of frame N
 *     NAME.edit.png                edit of the first frame        NAME.edit.N.png    of frame N
 *
 * and the same with _ before mask and edit.
 */
#ifndef HF_SRC_CLI_BATCH_LIST_H
#define HF_SRC_CLI_BATCH_LIST_H

#include <stddef.h>
#include "src/cli/words.h"

typedef struct hf_batch_line {
    hf_words words; /* input and options */
    char     where[64]; /* "line 3", or "" */
} hf_batch_line;

typedef struct hf_batch_list {
    hf_batch_line *line;
    int            n, n_left_out; /* video files of the folder without a drawing */
} hf_batch_list;

/* path: a file, a folder, or - for standard input. HF_EIO; HF_EFORMAT for a quote that is not closed, a list
 * without a run, a folder without a video that has a drawing; HF_ENOMEM. */
int  hf_batch_list_read(hf_batch_list **out, const char *path, hf_error *err);
void hf_batch_list_free(hf_batch_list **list);

/* The name of a run by its input: a/clip.mp4 and a/clip/ and a/clip/%05d.png are "clip". [size] out, cut to fit. */
void hf_batch_name(char *name, size_t size, const char *input);

/* `pattern` with every {name} replaced; *out is the caller's. HF_ENOMEM. */
int hf_batch_expand(char **out, const char *pattern, const char *name, hf_error *err);

#endif
