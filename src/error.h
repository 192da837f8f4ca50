/* error.h - status codes and the one error type of the whole program.
 *
 * Every function that can fail returns HF_OK (0) or a negative status and
 * takes an hf_error last, which may be NULL. Test with `< 0`.
 */
#ifndef HF_SRC_ERROR_H
#define HF_SRC_ERROR_H

typedef enum hf_status {
    HF_OK = 0,
    HF_EOF = 1,           /* not an error: the input has ended */
    HF_EARG = -1,         /* an argument or option is out of its range */
    HF_ENOMEM = -2,
    HF_EIO = -3,          /* the system refused to open, read or write */
    HF_EFORMAT = -4,      /* an input file is broken, empty or of a wrong kind */
    HF_EMODEL = -5,       /* a model is unknown, missing or has wrong weights */
    HF_EDEVICE = -6,      /* a device or a device library failed */
    HF_EUNSUPPORTED = -7, /* well formed, but this build or file type cannot do it */
    HF_EINTERRUPTED = -8
} hf_status;

typedef struct hf_error {
    hf_status status;
    char      text[512]; /* one line: the thing, what was found, what was wanted */
} hf_error;

/*
 * Record status and a formatted line in err (if not NULL) and return status,
 * so that `return hf_fail(...)` is the whole error path. Control characters
 * of the formatted text are replaced by '?': file names come from outside.
 */
int hf_fail(hf_error *err, hf_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
