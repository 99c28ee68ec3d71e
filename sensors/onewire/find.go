package onewire

import (
	"path/filepath"
	"strings"

	"pinhole/sensors/kind"
	"pinhole/sensors/sysfs"
)

// partNames are the parts by the first byte of their ids.
var partNames = map[string]string{"10": "DS18S20", "22": "DS1822", "28": "DS18B20", "3b": "DS1825 or MAX31850", "42": "DS28EA00"}

// find lists what the buses have. None is measured with.
func find(b kind.Board) (all []kind.Found, err error) {
	base := filepath.Join(b.Root(), devices)
	masters, err := sysfs.Devices(b.Root(), devices, "w1_bus_master")
	if err != nil {
		return nil, nil // there is no 1-Wire bus
	}
	for _, m := range masters {
		name := filepath.Base(m.Dir)
		dir, err := sysfs.OpenDir(filepath.Join(base, name))
		if err != nil {
			return all, kind.Fail("onewire: open "+name, err)
		}
		text, err := dir.File("w1_master_slaves").Read()
		ids := strings.Fields(string(text))
		dir.Close()
		if err != nil {
			return all, kind.Fail("onewire: read w1_master_slaves of "+name, err)
		}
		for _, id := range ids {
			f := kind.Found{What: "a part that is no thermometer", At: id, Skip: "this program does not read it"}
			if isThermometer(id) {
				f.What, f.Skip, f.Keys = partNames[id[:2]]+", temperature", "", [][2]string{{"device", id}}
				if number := strings.TrimPrefix(name, "w1_bus_master"); number != "1" {
					f.Keys = append(f.Keys, [2]string{"master", number})
				}
			} else if !strings.Contains(id, "-") {
				continue // "not found." where the bus is empty
			}
			all = append(all, f)
		}
	}
	return all, nil
}
