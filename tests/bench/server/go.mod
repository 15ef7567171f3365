module benchserver

go 1.27
