package io.github.callouthq.callout;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class SizesTest {
    private static final int MAX_FILE = 400;
    private static final int MAX_METHOD = 60;

    /** No file has more than 400 lines and no method more than 60, as everywhere in the repository. A record or class within another counts as one. */
    @Test
    void filesAndMethodsAreShort() throws Exception {
        List<Path> files;
        try (var found = Files.walk(Path.of("src"))) {
            files = found.filter(file -> file.toString().endsWith(".java")).toList();
        }
        assertTrue(files.size() > 40, "the sources are found");
        for (Path file : files) {
            var lines = Files.readAllLines(file);
            assertTrue(lines.size() <= MAX_FILE, file + " has " + lines.size() + " lines");
            int begun = -1;
            for (int n = 0; n < lines.size(); n++) {
                if (lines.get(n).matches(" {4}[^ */@}].*[{(,]")) {
                    begun = n;
                } else if (lines.get(n).equals("    }")) {
                    assertTrue(n - begun < MAX_METHOD, file + ":" + (begun + 1) + " has more than " + MAX_METHOD + " lines");
                }
            }
        }
    }
}
