package record

import "pinhole/sensors"

// A code is a place in one of the two tables below. Blocks on disk carry codes, so rows are added at the end and never moved
// or removed, not even when package sensors drops the quantity. What has no code yet is stored in full: longer, not wrong.

type quantity struct {
	name sensors.Quantity
	unit string
}

var quantities = [...]quantity{
	1:  {"temperature", "Cel"},
	2:  {"relative_humidity", "%RH"},
	3:  {"pressure", "Pa"},
	4:  {"illuminance", "lx"},
	5:  {"uv_index", ""},
	6:  {"co2", "ppm"},
	7:  {"tvoc", "ppb"},
	8:  {"gas_resistance", "Ohm"},
	9:  {"pm1", "ug/m3"},
	10: {"pm2_5", "ug/m3"},
	11: {"pm10", "ug/m3"},
	12: {"voltage", "V"},
	13: {"current", "A"},
	14: {"power", "W"},
	15: {"energy", "Wh"},
	16: {"frequency", "Hz"},
	17: {"resistance", "Ohm"},
	18: {"distance", "m"},
	19: {"speed", "m/s"},
	20: {"volume", "m3"},
	21: {"flow_rate", "l/s"},
	22: {"rainfall", "mm"},
	23: {"acceleration_x", "m/s2"},
	24: {"acceleration_y", "m/s2"},
	25: {"acceleration_z", "m/s2"},
	26: {"angular_rate_x", "deg/s"},
	27: {"angular_rate_y", "deg/s"},
	28: {"angular_rate_z", "deg/s"},
	29: {"count", ""},
	30: {"raw", ""},
	31: {"ratio", "/"},
	32: {"load", ""},
	33: {"cpu_usage", "%"},
	34: {"memory_used", "%"},
	35: {"disk_used", "%"},
	36: {"uptime", "s"},
	37: {"network_received", "B"},
	38: {"network_sent", "B"},
	39: {"contact", ""},
	40: {"motion", ""},
	41: {"level", ""},
	42: {"alarm", ""},
	43: {"undervoltage", ""},
	44: {"throttled", ""},
	45: {"co2_equivalent", "ppm"},
	46: {"aqi_uba", ""},
	47: {"storm_distance", "m"},
}

// quantityCode returns q's code, 0 where it has none or where its unit is no longer the one that the code stands for.
func quantityCode(q sensors.Quantity, unit string) int {
	for code, row := range quantities {
		if code > 0 && row.name == q && row.unit == unit {
			return code
		}
	}
	return 0
}

var classes = [...]sensors.Class{
	1:  "absent",
	2:  "nak",
	3:  "timeout",
	4:  "crc",
	5:  "range",
	6:  "busy",
	7:  "denied",
	8:  "wrong",
	9:  "warmup",
	10: "io",
}

// classCode returns c's code, 0 where it has none.
func classCode(c sensors.Class) int {
	for code, class := range classes {
		if code > 0 && class == c {
			return code
		}
	}
	return 0
}
