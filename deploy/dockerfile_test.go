// Package deploy has no code, only files to deploy with; its tests keep them
// from falling behind the program.
package deploy

import (
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// dockerfile is the Dockerfile's instructions in order, without comments and
// with continued lines joined.
func dockerfile(t *testing.T) []string {
	t.Helper()
	text := strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")
	var instructions []string
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" && line[0] != '#' {
			instructions = append(instructions, line)
		}
	}
	return instructions
}

// instruction returns the arguments of the last instruction of a name.
func instruction(t *testing.T, name string) string {
	t.Helper()
	for _, line := range slices.Backward(dockerfile(t)) {
		if arguments, ok := strings.CutPrefix(line, name+" "); ok {
			return arguments
		}
	}
	t.Fatalf("Dockerfile has no %s", name)
	return ""
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestImageBinary runs the Dockerfile's own build line and looks at the result:
// an image from scratch has no libc, no loader and no shell to help it.
func TestImageBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	binary := buildAsImage(t)

	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP || program.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary has %s: it is not static", program.Type)
		}
	}
	if file.Section(".symtab") != nil || file.Section(".debug_info") != nil {
		t.Error("the binary has symbols or debugging data")
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" {
		t.Errorf("built with CGO_ENABLED=%s, -trimpath=%s", settings["CGO_ENABLED"], settings["-trimpath"])
	}
	checkRuns(t, binary)
}

// buildAsImage builds the binary and returns its path.
func buildAsImage(t *testing.T) string {
	t.Helper()
	line := instruction(t, "RUN")
	if !strings.Contains(line, " go build ") || !strings.Contains(line, " -o /out/ssobridge ") {
		t.Fatalf("the last RUN is not the build: %s", line)
	}
	out := t.TempDir()
	build := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(line, "/out/", out+"/", 1))
	build.Dir = ".."
	build.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH)
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, output)
	}
	return filepath.Join(out, "ssobridge")
}

// checkRuns runs the image's command, but for "check" in place of "serve", with
// an empty environment as a container nearly has.
func checkRuns(t *testing.T, binary string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the binary is for Linux")
	}
	var entrypoint, command []string
	for name, list := range map[string]*[]string{"ENTRYPOINT": &entrypoint, "CMD": &command} {
		if err := json.Unmarshal([]byte(instruction(t, name)), list); err != nil {
			t.Fatalf("%s is not in exec form, and there is no shell: %v", name, err)
		}
	}
	if !slices.Equal(entrypoint, []string{"/ssobridge"}) || len(command) != 3 || command[0] != "serve" || command[1] != "--config" {
		t.Fatalf("the image runs %q %q", entrypoint, command)
	}
	run := exec.CommandContext(t.Context(), binary, "check", command[1], "../config.example.toml")
	run.Env = []string{}
	if output, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestImage: what the image promises besides its binary.
func TestImage(t *testing.T) {
	if from := instruction(t, "FROM"); from != "scratch" {
		t.Errorf("the image is FROM %s", from)
	}
	if user := instruction(t, "USER"); !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("USER %s: want numbers, and not root's: scratch has no /etc/passwd, and runAsNonRoot believes no name", user)
	}
	lines := strings.Join(dockerfile(t), "\n")
	if !strings.Contains(lines, "\nCOPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\n") {
		t.Error("the image has no CA certificates, so no jwks_url could be fetched")
	}
	base := regexp.MustCompile(`(?m)^FROM --platform=\$BUILDPLATFORM golang:(\d+\.\d+)\.\d+-\w+ AS build$`).FindStringSubmatch(lines)
	if base == nil {
		t.Fatal("the build stage is not FROM a golang image pinned to a patch release")
	}
	if !regexp.MustCompile(`(?m)^go ` + regexp.QuoteMeta(base[1]) + `(\.|$)`).MatchString(read(t, "../go.mod")) {
		t.Errorf("the build stage has Go %s, go.mod asks for another", base[1])
	}
}
