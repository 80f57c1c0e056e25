// Output that is lost, as on a full disk.
#pragma once

// From now on the program's end says if what was printed could not be written, and the status is 1 where it was 0.
void shim_say_lost_output(void);
