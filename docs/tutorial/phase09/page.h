// SPDX-License-Identifier: MIT
//
// The page of tiny_page() as a file.

#ifndef TINY_PAGE_H
#define TINY_PAGE_H

// Writes tiny-PID.html into the current directory. A file of that name must not be there.
void page_save(void);

#endif
