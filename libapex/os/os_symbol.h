// SPDX-License-Identifier: MIT
//
// Finds a function by name in whatever is loaded now. The dynamic linker binds our references when
// libapex is loaded; libraries that the program opens later can only be found by looking, and
// dlsym allocates, and sees neither libraries opened with RTLD_LOCAL nor, in an old program,
// anything at all.
//
// Any thread, also while the loader runs constructors. Takes the loader's lock for a moment; does
// not allocate, keeps errno.

#ifndef APEX_OS_OS_SYMBOL_H
#define APEX_OS_OS_SYMBOL_H

typedef void os_function(void);

// The first loaded module's definition of `name`, whatever its version; NULL when there is none.
// The module may be unloaded by others at any time: use the answer at once and keep it nowhere.
os_function *os_symbol_find(const char *name);

#endif
