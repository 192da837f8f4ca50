/* image_list.h - which image files a folder, pattern or glob means, and in which order. */
#ifndef HF_IO_IMAGE_LIST_H
#define HF_IO_IMAGE_LIST_H

#include "src/error.h"

typedef struct hf_image_list {
    int    n;
    char **paths;
    int    n_missing; /* numbers left out between the first and the last file; of folders and wildcards: where names
                         are alike but for one number, and these are evenly spaced but for gaps */
} hf_image_list;

typedef enum hf_image_list_kind {
    HF_LIST_NONE, /* an ordinary path */
    HF_LIST_FOLDER,
    HF_LIST_PATTERN, /* one %d, %5d or %05d in the file name, and no file of exactly that name */
    HF_LIST_GLOB     /* *, ? or [ in it, and no file of exactly that name */
} hf_image_list_kind;

hf_image_list_kind hf_image_list_kind_of(const char *path);

/*
 * List the images `path` means; for HF_LIST_NONE the path itself. Folders and globs give the names with
 * an image's extension, hidden files left out, in natural order; a pattern gives the names that fit, by number.
 * HF_EFORMAT if there are none, HF_EIO if the folder cannot be read, HF_ENOMEM.
 */
int  hf_image_list_open(hf_image_list **out, const char *path, hf_error *err);
void hf_image_list_free(hf_image_list **list);

/* strcmp, but runs of digits compare as numbers: "f2" < "f10". */
int hf_natural_compare(const char *a, const char *b);

/* The file's name without folder and extension, cut to fit. */
void hf_path_stem(char *stem, int size, const char *path);

#endif
