module benchserver

go 1.26
