package sensors

// Quantity names what was measured. The set is closed: a driver may only report the quantities of this file, and each has
// one fixed unit, so that a consumer never has to guess a scale.
type Quantity string

// The quantities. Units are SenML symbols (RFC 8428 section 12.1, RFC 8798); see Info for each.
const (
	Temperature      Quantity = "temperature"
	RelativeHumidity Quantity = "relative_humidity"
	Pressure         Quantity = "pressure"
	Illuminance      Quantity = "illuminance"
	UVIndex          Quantity = "uv_index"
	CO2              Quantity = "co2"
	CO2Equivalent    Quantity = "co2_equivalent"
	TVOC             Quantity = "tvoc"
	AQIUBA           Quantity = "aqi_uba"
	GasResistance    Quantity = "gas_resistance"
	PM1              Quantity = "pm1"
	PM25             Quantity = "pm2_5"
	PM10             Quantity = "pm10"
	Voltage          Quantity = "voltage"
	Current          Quantity = "current"
	Power            Quantity = "power"
	Energy           Quantity = "energy"
	Frequency        Quantity = "frequency"
	Resistance       Quantity = "resistance"
	Distance         Quantity = "distance"
	StormDistance    Quantity = "storm_distance"
	Speed            Quantity = "speed"
	Volume           Quantity = "volume"
	FlowRate         Quantity = "flow_rate"
	Rainfall         Quantity = "rainfall"
	RainfallRate     Quantity = "rainfall_rate"
	AccelerationX    Quantity = "acceleration_x"
	AccelerationY    Quantity = "acceleration_y"
	AccelerationZ    Quantity = "acceleration_z"
	AngularRateX     Quantity = "angular_rate_x"
	AngularRateY     Quantity = "angular_rate_y"
	AngularRateZ     Quantity = "angular_rate_z"
	Count            Quantity = "count"
	Raw              Quantity = "raw"
	Ratio            Quantity = "ratio"
	Load             Quantity = "load"
	CPUUsage         Quantity = "cpu_usage"
	MemoryUsed       Quantity = "memory_used"
	DiskUsed         Quantity = "disk_used"
	Uptime           Quantity = "uptime"
	NetworkReceived  Quantity = "network_received"
	NetworkSent      Quantity = "network_sent"
	Contact          Quantity = "contact"
	Motion           Quantity = "motion"
	Level            Quantity = "level"
	Alarm            Quantity = "alarm"
	Undervoltage     Quantity = "undervoltage"
	Throttled        Quantity = "throttled"
)

// Info describes one quantity: a row of the unit table.
type Info struct {
	Quantity Quantity
	Unit     string // SenML symbol; "" where there is none (counts, states)
	Boolean  bool   // the value is true or false; Value holds 1 or 0
	UCUM     string // the same unit as OpenTelemetry writes it
	HAClass  string // Home Assistant device_class; "" where there is none
	HAUnit   string // Home Assistant unit_of_measurement
	Meaning  string // one line for people
}

// table is the unit table, in the order in which people read it.
var table = [...]Info{
	{Temperature, "Cel", false, "Cel", "temperature", "°C", "temperature"},
	{RelativeHumidity, "%RH", false, "%", "humidity", "%", "relative humidity"},
	{Pressure, "Pa", false, "Pa", "atmospheric_pressure", "Pa", "absolute pressure"},
	{Illuminance, "lx", false, "lx", "illuminance", "lx", "illuminance"},
	{UVIndex, "", false, "1", "", "UV index", "UV index"},
	{CO2, "ppm", false, "[ppm]", "carbon_dioxide", "ppm", "carbon dioxide, by volume"},
	{CO2Equivalent, "ppm", false, "[ppm]", "", "ppm", "an estimate from other gases, not a measurement of carbon dioxide"},
	{TVOC, "ppb", false, "[ppb]", "volatile_organic_compounds_parts", "ppb", "volatile organic compounds, by volume"},
	{AQIUBA, "", false, "1", "aqi", "", "air quality index of the German UBA, 1 (excellent) to 5 (unhealthy)"},
	{GasResistance, "Ohm", false, "Ohm", "", "Ω", "resistance of a gas sensor's layer"},
	{PM1, "ug/m3", false, "ug/m3", "pm1", "µg/m³", "particles up to 1 µm"},
	{PM25, "ug/m3", false, "ug/m3", "pm25", "µg/m³", "particles up to 2.5 µm"},
	{PM10, "ug/m3", false, "ug/m3", "pm10", "µg/m³", "particles up to 10 µm"},
	{Voltage, "V", false, "V", "voltage", "V", "voltage"},
	{Current, "A", false, "A", "current", "A", "current"},
	{Power, "W", false, "W", "power", "W", "power"},
	{Energy, "Wh", false, "Wh", "energy", "Wh", "energy, a rising total"},
	{Frequency, "Hz", false, "Hz", "frequency", "Hz", "frequency"},
	{Resistance, "Ohm", false, "Ohm", "", "Ω", "electrical resistance"},
	{Distance, "m", false, "m", "distance", "m", "distance"},
	{StormDistance, "m", false, "m", "distance", "m", "estimated distance to the edge of a thunderstorm"},
	{Speed, "m/s", false, "m/s", "speed", "m/s", "speed, of wind for example"},
	{Volume, "m3", false, "m3", "volume", "m³", "volume, a rising total"},
	{FlowRate, "l/s", false, "L/s", "volume_flow_rate", "L/s", "volume flow"},
	{Rainfall, "mm", false, "mm", "precipitation", "mm", "rain, a rising total"},
	{RainfallRate, "mm/h", false, "mm/h", "precipitation_intensity", "mm/h", "rain, as it falls"},
	{AccelerationX, "m/s2", false, "m/s2", "", "m/s²", "acceleration along x"},
	{AccelerationY, "m/s2", false, "m/s2", "", "m/s²", "acceleration along y"},
	{AccelerationZ, "m/s2", false, "m/s2", "", "m/s²", "acceleration along z"},
	{AngularRateX, "deg/s", false, "deg/s", "", "°/s", "turn rate about x"},
	{AngularRateY, "deg/s", false, "deg/s", "", "°/s", "turn rate about y"},
	{AngularRateZ, "deg/s", false, "deg/s", "", "°/s", "turn rate about z"},
	{Count, "", false, "{count}", "", "", "a count, a rising total"},
	{Raw, "", false, "1", "", "", "a chip's own number, without a unit"},
	{Ratio, "/", false, "1", "", "", "a ratio, 0 to 1"},
	{Load, "", false, "1", "", "", "load average over one minute, in runnable tasks"},
	{CPUUsage, "%", false, "%", "", "%", "busy share of all processors since the last reading"},
	{MemoryUsed, "%", false, "%", "", "%", "memory that is not available to new programs"},
	{DiskUsed, "%", false, "%", "", "%", "used share of a file system"},
	{Uptime, "s", false, "s", "duration", "s", "time since boot"},
	{NetworkReceived, "B", false, "By", "data_size", "B", "bytes received, a rising total"},
	{NetworkSent, "B", false, "By", "data_size", "B", "bytes sent, a rising total"},
	{Contact, "", true, "", "door", "", "true while the contact is closed"},
	{Motion, "", true, "", "motion", "", "true while something moves"},
	{Level, "", true, "", "", "", "logical level of a line"},
	{Alarm, "", true, "", "problem", "", "true while a part reports an alarm"},
	{Undervoltage, "", true, "", "problem", "", "true while the board's supply is too low"},
	{Throttled, "", true, "", "problem", "", "true while the board slows itself down"},
}

// byName is made once from the constant table above and never written again.
var byName = func() map[Quantity]*Info {
	m := make(map[Quantity]*Info, len(table))
	for i := range table {
		m[table[i].Quantity] = &table[i]
	}
	return m
}()

// Quantities returns the unit table.
func Quantities() []Info { return append([]Info(nil), table[:]...) }

// Lookup returns the row of q; ok is false for a name that is not in the table.
func (q Quantity) Lookup() (info Info, ok bool) {
	p := byName[q]
	if p == nil {
		return Info{}, false
	}
	return *p, true
}

// Unit returns the SenML symbol of q's unit, "" where it has none.
func (q Quantity) Unit() string {
	if p := byName[q]; p != nil {
		return p.Unit
	}
	return ""
}

// Boolean reports whether q's values are true and false.
func (q Quantity) Boolean() bool { p := byName[q]; return p != nil && p.Boolean }
