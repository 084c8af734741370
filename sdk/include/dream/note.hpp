// The ELF note that says what a template was built with. The host reads it before dlopen, so that a
// template it cannot run is refused before any of its code runs. Inline asm, because a C array gets
// a larger alignment than notes have; it survives strip.
#pragma once

#include <dream/abi/template.h>

#include <string>  // defines _GLIBCXX_USE_CXX11_ABI

#define DREAM_DETAIL_TEXT_(x) #x
#define DREAM_DETAIL_TEXT(x) DREAM_DETAIL_TEXT_(x)

#if defined(__clang__)
#define DREAM_DETAIL_CXX "clang" DREAM_DETAIL_TEXT(__clang_major__)
#else
#define DREAM_DETAIL_CXX "gcc" DREAM_DETAIL_TEXT(__GNUC__)
#endif

#if defined(_GLIBCXX_USE_CXX11_ABI) && _GLIBCXX_USE_CXX11_ABI
#define DREAM_DETAIL_CXX11ABI "1"
#else
#define DREAM_DETAIL_CXX11ABI "0"
#endif

// dream_add_template() defines these two for other tiers.
#ifndef DREAM_TEMPLATE_TIER
#define DREAM_TEMPLATE_TIER "c"
#endif
#ifndef DREAM_TEMPLATE_TORCH
#define DREAM_TEMPLATE_TORCH "none"
#endif

#define DREAM_DETAIL_NOTE_TEXT                                               \
  "sdk=" DREAM_DETAIL_TEXT(DREAM_SDK_MAJOR) "." DREAM_DETAIL_TEXT(           \
      DREAM_SDK_MINOR) ";tier=" DREAM_TEMPLATE_TIER ";cxx=" DREAM_DETAIL_CXX \
                       ";cxx11abi=" DREAM_DETAIL_CXX11ABI ";torch=" DREAM_TEMPLATE_TORCH ";"

// Puts a note with this text into the library: owner size, text size, type, owner, text.
#define DREAM_DETAIL_NOTE(text)                    \
  __asm__(                                         \
      ".pushsection .note.dream.abi,\"a\",@note\n" \
      ".balign 4\n"                                \
      ".long 772f-771f, 774f-773f, 1\n"            \
      "771: .asciz \"" DREAM_NOTE_OWNER            \
      "\"\n"                                       \
      "772: .balign 4\n"                           \
      "773: .ascii \"" text                        \
      "\"\n"                                       \
      "774: .balign 4\n"                           \
      ".popsection\n");
