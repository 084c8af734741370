/* Types every interface shares. Plain C11; nothing here may ever change, only be appended to.
 *
 * Rules of the whole ABI:
 *  - Every struct that crosses the line starts with `struct_size`, set by the side that made it.
 *    The reader uses a member only if it lies within that size.
 *  - Whoever allocates frees. A view (dream_str, pointer) is valid for the duration of the call
 *    unless its function says otherwise.
 *  - No exception crosses. A function that can fail returns dream_status*: null is success,
 *    anything else was made by dream_host.status_create and is freed by whoever receives it.
 *  - Arrays of structs cross as arrays of pointers, so that structs may grow.
 *  - Strings are UTF-8 and not NUL-terminated unless said so.
 */
#ifndef DREAM_ABI_TYPES_H
#define DREAM_ABI_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DREAM_SDK_MAJOR 1
#define DREAM_SDK_MINOR 3

typedef struct dream_str {
  const char* data; /* may be null only if size is 0 */
  size_t size;      /* bytes */
} dream_str;

typedef struct dream_status dream_status; /* opaque, made and freed by the host's functions */

typedef enum dream_code {
  DREAM_OK = 0,            /* never inside a status object */
  DREAM_INVALID_INPUT = 1, /* the caller's value is wrong; the message names it */
  DREAM_CANCELED = 2,      /* the prediction was canceled; return as soon as possible */
  DREAM_UNSUPPORTED = 3,   /* this host cannot do it */
  DREAM_INTERNAL = 4       /* everything else */
} dream_code;

typedef enum dream_type {
  DREAM_NULL = 0,
  DREAM_STRING = 1,
  DREAM_INTEGER = 2,
  DREAM_NUMBER = 3,
  DREAM_BOOLEAN = 4,
  DREAM_FILE = 5,   /* path of a local file, in `string` */
  DREAM_SECRET = 6, /* in `string`; never logged */
  DREAM_JSON = 7,   /* any JSON document, serialised, in `string` */
  DREAM_LIST = 8    /* `items` */
} dream_type;

typedef struct dream_value {
  uint32_t struct_size;
  uint32_t type; /* dream_type */
  union {
    dream_str string; /* DREAM_STRING, DREAM_FILE, DREAM_SECRET, DREAM_JSON */
    int64_t integer;
    double number;
    int32_t boolean; /* 0 or 1 */
    struct {
      const struct dream_value* const* data;
      size_t size;
    } items;
  } as;
} dream_value;

#ifdef __cplusplus
}
#endif
#endif
