package needs_test

import (
	"fmt"
	"strings"
	"testing"

	"emaudit/parse/needs"
)

const head = `{"schema_version":1,"command":"needs","host":"router","root":"/","generated_at":1790000100,"findings":[],"diagnostics":[],
"host_id":"0123456789abcdef0123456789abcdef","known_until":1790000000,"valid_until":1791209600,
"needs":[
`

const build = `{"cpv":"www-servers/tinyd-1.26.1-r2","build_time":1780000000,"build_id":2,"repo":"gentoo","md5":"d41d8cd98f00b204e9800998ecf8427e","sha1":"","size":4096,"reasons":[{"reason":"installed","run":null,"time":null,"pin":""}]}`

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		builds     int
		damage     string
	}{
		{"whole", head + build + "]}", 1, ""},
		{"no need", head + "]}", 0, ""},
		{"later fields", head + strings.Replace(build, `"repo"`, `"mood":"good","repo"`, 1) + `],"weather":[1,2]}`, 1, ""},
		{"torn between builds", head + build + ",\n", 1, "*"},
		{"torn in a build", head + build + ",\n" + build[:40], 1, "*"},
		{"no end", head + build + "]", 1, "*"},
		{"empty", "", 0, "*"},
		{"zeros", strings.Repeat("\x00", 100), 0, "*"},
		{"another document", `{"schema_version":1,"command":"hosts","host":"router","hosts":[]}`, 0, "not the JSON"},
		{"a list", `[1,2,3]`, 0, "*"},
		{"a later schema", strings.Replace(head, `"schema_version":1`, `"schema_version":2`, 1) + build + "]}", 1, "schema is 2"},
		{"of no host", strings.Replace(head, `"host":"router"`, `"host":""`, 1) + build + "]}", 1, "of which host"},
		{"of no time", strings.Replace(head, `"known_until":1790000000`, `"known_until":-1`, 1) + build + "]}", 1, "of which host"},
		{"a name that is none", head + strings.Replace(build, "www-servers/tinyd-1.26.1-r2", "../../etc/passwd", 1) + "," + build + "]}", 1, "no package"},
		{"a digest that is none", head + strings.Replace(build, "d41d8", "zzzzz", 1) + "]}", 0, "digest"},
		{"a negative size", head + strings.Replace(build, "4096", "-4096", 1) + "]}", 0, "negative"},
		{"a number beyond measure", head + strings.Replace(build, "4096", "1e400", 1) + "]}", 0, "*"},
		{"a text for a number", head + strings.Replace(build, "4096", `"4096"`, 1) + "]}", 0, "*"},
		{"a long name", strings.Replace(head, `"router"`, `"`+strings.Repeat("r", 5000)+`"`, 1) + build + "]}", 0, "*"},
	} {
		list, damage := needs.Parse([]byte(c.text))
		if len(list.Builds) != c.builds {
			t.Errorf("%s: %d builds, want %d", c.name, len(list.Builds), c.builds)
		}
		switch {
		case c.damage == "" && len(damage) > 0:
			t.Errorf("%s: damage %v", c.name, damage)
		case c.damage != "" && (len(damage) != 1 || c.damage != "*" && !strings.Contains(damage[0].Message, c.damage)):
			t.Errorf("%s: damage %v, want %q", c.name, damage, c.damage)
		}
	}
	list, _ := needs.Parse([]byte(head + build + "]}"))
	if got := fmt.Sprintln(list.Host, list.HostID, list.KnownUntil, list.ValidUntil, list.Builds[0].CPV, list.Builds[0].BuildTime, list.Builds[0].BuildID, list.Builds[0].Size); got !=
		"router 0123456789abcdef0123456789abcdef 1790000000 1791209600 www-servers/tinyd-1.26.1-r2 1780000000 2 4096\n" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + build + "]}"))
	f.Add([]byte(head + build + "," + build))
	f.Add([]byte(`{"needs":[{"cpv":"a/b-1","reasons":[{}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		whole, damage := needs.Parse(text)
		for _, b := range whole.Builds {
			if !strings.Contains(b.CPV, "/") || b.BuildTime < 0 || b.Size < 0 {
				t.Fatalf("%+v", b)
			}
		}
		for _, d := range damage {
			if d.Code == "" || d.Message == "" || d.Offset < 0 || d.Offset > int64(len(text)) {
				t.Fatalf("%+v", d)
			}
		}
		// A file that was cut off never tells of a build that the whole one does not.
		torn, tornDamage := needs.Parse(text[:len(text)/2])
		if len(torn.Builds) > len(whole.Builds) || len(text) > 1 && len(tornDamage) == 0 && len(damage) == 0 && len(torn.Builds) != len(whole.Builds) {
			t.Fatalf("%d builds of a half, %d of the whole", len(torn.Builds), len(whole.Builds))
		}
	})
}
